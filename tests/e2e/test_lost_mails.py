#!/usr/bin/python3
"""A mail that was begun and not answered 250 may have been an alarm: EBÜS hears of each."""

from harness.case import EndToEnd, main
from harness.faults import all_faults, wait_for_faults
from harness.mails import plain_mail
from harness.raw import begin_mail
from harness.world import World, wait_for

OPEN_MAILS = 3
LARGE_BYTES = 1024 * 1024


class LostMails(EndToEnd):
    def setUp(self):
        self.world = World().__enter__()
        self.addCleanup(self.world.__exit__, None, None, None)
        self.box, self.mailbox = self.world.box, self.world.centre.mailbox

    def assert_tells_of(self, fault, device):
        self.assertEqual(fault.about, device)
        self.assertEqual((fault.sender, fault.recipients),
                         ("box@site-1.internal", ["box@site-1.internal"]))
        self.assertEqual(fault.box, "site-1")
        self.assertTrue(fault.reason)

    def test_device_goes_away_in_the_middle(self):
        mail = begin_mail(self.box, device=1)
        mail.write(plain_mail("cut-off", size_bytes=50_000))
        mail.cut_off()
        found = wait_for_faults(self.mailbox, "mail-lost")
        self.assertEqual(len(found), 1, "no fault mail of the lost mail at EBÜS")
        self.assert_tells_of(found[0], "cam1")
        self.say(f"EBÜS was told: {found[0].about}: {found[0].reason}")
        self.assertNotIn("cut-off", self.mailbox.test_ids())
        self.assertEqual(all_faults(self.mailbox, "mail-lost", over=True), [], "it has no end")

    def test_box_is_killed_while_a_large_mail_is_under_way(self):
        """Small ones leave no trace: their devices saw the connection break (docs/smtp.md)."""
        used = self.box.status()["spool"]["used_bytes"]
        mail = begin_mail(self.box)
        self.addCleanup(mail.cut_off)
        mail.write(plain_mail("killed", size_bytes=LARGE_BYTES))
        wait_for("the beginning of the mail to be on the box's disk",
                 lambda: self.box.status()["spool"]["used_bytes"] - used > LARGE_BYTES // 2)
        self.box.edge.kill()
        self.box.edge.start()
        self.box.wait_for_door()
        found = wait_for_faults(self.mailbox, "upload-swept")
        self.assertEqual(len(found), 1, "no fault mail of the mail cut off by the kill")
        self.assertEqual(found[0].box, "site-1")
        self.say(f"EBÜS was told: {found[0].reason}")
        self.assertNotIn("killed", self.mailbox.test_ids())
        self.box.edge.kill()
        self.box.edge.start()
        self.box.wait_for_link()
        again = wait_for_faults(self.mailbox, "upload-swept", count=2, within_s=2)
        self.assertEqual(len(again), 1, "told anew at the next start")

    def test_box_is_stopped_while_mails_are_open(self):
        mails = [begin_mail(self.box, device=n) for n in range(OPEN_MAILS)]
        for number, mail in enumerate(mails):
            self.addCleanup(mail.cut_off)
            mail.write(plain_mail(f"open-{number}", size_bytes=20_000))
        self.box.edge.stop()
        self.assertEqual(self.box.edge.process.returncode, 0)
        self.box.edge.start()
        self.box.wait_for_door()
        found = wait_for_faults(self.mailbox, "mail-lost", count=OPEN_MAILS)
        devices = sorted(fault.about for fault in found)
        self.assertEqual(len(devices), OPEN_MAILS, f"faults only of {devices}")
        # The third has no name in the configuration.
        self.assertEqual(devices, [self.box.device_address(2), "cam0", "cam1"])


if __name__ == "__main__":
    main()
