#!/usr/bin/python3
"""The main job on the kernel's own WireGuard: in a guest, because this kernel may have none."""

import os
import pathlib
import sys

from harness import guest
from harness.case import SKIPPED, EndToEnd, main

BINARIES = pathlib.Path(os.environ.get("ALARMWIRE_BIN", guest.REPOSITORY / "build/dev/bin"))
GUEST_WITHIN_S = 220
EMULATED = 8  # how much longer a guest may take for anything

SCRIPT = f"""
cd {guest.REPOSITORY}
export ALARMWIRE_PATIENCE={EMULATED} ALARMWIRE_BIN={BINARIES} ALARMWIRE_EXPECT_BACKEND=kernel
{BINARIES.parent}/tests/test_tunnel_kernel || exit 1
/usr/bin/python3 -B tests/e2e/test_main_job.py \\
  MainJob.test_picture_arrives_and_the_reply_says_stored \\
  MainJob.test_both_ends_show_tunnel_and_link
"""


class KernelWireGuard(EndToEnd):
    def test_an_alarm_goes_through_it(self):
        code, printed = guest.run(SCRIPT, GUEST_WITHIN_S)
        self.assertEqual(code, 0, printed)
        self.assertIn("[  PASSED  ] 1 test", printed.replace("\x1b[0;32m", "").replace("\x1b[m", ""),
                      "the kernel backend's own test was skipped")
        self.assertNotIn("SKIPPED", printed)
        for line in printed.splitlines():
            if "picture answered after" in line:
                self.say("emulated: " + line[line.index("100 KiB"):])


if __name__ == "__main__":
    lacking = guest.missing()
    if lacking:
        print(f"SKIPPED, this machine lacks: {', '.join(lacking)}")
        sys.exit(SKIPPED)
    main()
