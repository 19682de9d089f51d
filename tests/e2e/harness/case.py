"""What every end-to-end test begins with."""

import os
import pathlib
import signal
import sys
import unittest

SKIPPED = 77  # ctest's SKIP_RETURN_CODE
PATIENCE_S = 230  # below ctest's TIMEOUT, which would leave namespaces behind


class EndToEnd(unittest.TestCase):
    maxDiff = 2000

    def say(self, text):
        """Figures people want to see; ctest keeps them with the test's output."""
        print(f"    {text}", flush=True)

    def assert_none_missing(self, missing, what="mails"):
        self.assertFalse(missing, f"{len(missing)} {what} missing, e.g. {sorted(missing)[:5]}")


def clear_up_when_ended(within_s=0):
    """SIGTERM, and the end of `within_s`, go through the cleanups, so that nothing is left behind."""

    def give_up(number, frame):
        for each in (signal.SIGALRM, signal.SIGTERM):  # the cleanups are to run to their end
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(f"ended by signal {number}")

    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, give_up)
    signal.alarm(within_s)


def main():
    """Runs the calling file's tests; says so loudly where the machine cannot."""
    lacking = []
    if os.geteuid() != 0:
        lacking.append("root (namespaces)")
    if not pathlib.Path("/dev/net/tun").exists():
        lacking.append("/dev/net/tun")
    if lacking:
        print(f"SKIPPED, this machine lacks: {', '.join(lacking)}")
        sys.exit(SKIPPED)
    clear_up_when_ended(PATIENCE_S)
    unittest.main(verbosity=2, failfast=False)
