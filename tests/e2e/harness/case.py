"""What every end-to-end test begins with."""

import os
import pathlib
import sys
import unittest

SKIPPED = 77  # ctest's SKIP_RETURN_CODE


class EndToEnd(unittest.TestCase):
    maxDiff = 2000

    def say(self, text):
        """Figures people want to see; ctest keeps them with the test's output."""
        print(f"    {text}", flush=True)

    def assert_none_missing(self, missing, what="mails"):
        self.assertFalse(missing, f"{len(missing)} {what} missing, e.g. {sorted(missing)[:5]}")


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
    unittest.main(verbosity=2, failfast=False)
