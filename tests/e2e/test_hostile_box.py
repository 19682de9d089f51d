#!/usr/bin/python3
"""Box 1 is in bad hands: it cannot speak as box 2, smuggle a second mail into EBÜS, or delay
box 2's alarms."""

import statistics
import time

from harness.case import EndToEnd, main
from harness.ledger import entries
from harness.mails import Load, plain_mail, send
from harness.world import World


class HostileBox(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World(boxes=2, devices=20).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.evil, cls.good = cls.world.boxes
        cls.centre = cls.world.centre

    def arrived_once(self, test_id):
        self.assert_none_missing(self.centre.mailbox.wait_for([test_id], 20))
        time.sleep(0.5)  # a second copy would have come by now
        found = self.centre.mailbox.find(test_id)
        self.assertEqual(len(found), 1)
        return found[0]

    def assert_speaks_for_box_1_only(self, arrived):
        for address in [arrived.sender, *arrived.recipients]:
            self.assertNotIn("site-2", address, "spoke in the name of box 2")

    def test_address_of_another_box_goes_to_the_unassigned_address(self):
        own = "alarm@site-2.internal"
        reply = send(self.evil, plain_mail("evil-to"), recipient=own)
        self.assertTrue(reply.accepted, reply)
        arrived = self.arrived_once("evil-to")
        self.assert_speaks_for_box_1_only(arrived)
        self.assertEqual(send(self.good, plain_mail("good-to"), recipient=own).stage, "stored")
        self.assertEqual(self.arrived_once("good-to").recipients, [own])

    def test_forged_sender_is_replaced_by_the_boxs_own(self):
        send(self.evil, plain_mail("evil-from"), sender="alarm@site-2.internal")
        self.assert_speaks_for_box_1_only(self.arrived_once("evil-from"))

    def test_second_mail_behind_a_bare_line_feed_is_no_mail(self):
        smuggled = (plain_mail("evil-outer", size_bytes=300)
                    + b"text\n.\r\nMAIL FROM:<alarm@site-2.internal>\r\n"
                    b"RCPT TO:<alarm@site-2.internal>\r\nDATA\r\n"
                    b"X-Test-Id: evil-inner\r\n\r\nhello\r\n")
        before = len(self.centre.mailbox.all())
        reply = send(self.evil, smuggled)
        self.assertTrue(reply.accepted, reply)
        self.assert_none_missing(self.centre.mailbox.wait_for(["evil-outer"], 20))
        time.sleep(1)
        new = self.centre.mailbox.all()[before:]
        self.assertEqual(len(new), 1, "EBÜS got more than one mail")
        self.assert_speaks_for_box_1_only(new[0])
        self.assertNotIn(b"\n.\r\n", new[0].content.replace(b"\r\n..", b""))

    def test_flood_of_box_1_does_not_delay_box_2(self):
        calm = self.times_of_box_2("calm")
        flood = Load(self.evil, devices=16, mails_per_device=2000, prefix="flood").start()
        try:
            time.sleep(1)
            flooded = self.times_of_box_2("flooded")
        finally:
            flood.stop()
        self.say(f"box 2, stored after: calm {statistics.median(calm) * 1000:.0f} ms, while box 1 "
                 f"floods {statistics.median(flooded) * 1000:.0f} ms (worst "
                 f"{max(flooded) * 1000:.0f}); box 1 sent {len(flood.replies)}")
        self.assertGreater(len(flood.replies), 100)
        self.assertLess(statistics.median(flooded), 1.0)
        of_box_1 = {r.alarm_id for r in flood.replies}
        strangers = [e for e in entries(self.centre)
                     if e.alarm_id in of_box_1 and e.box != self.evil.id]
        self.assertFalse(strangers)

    def times_of_box_2(self, name):
        times = []
        for number in range(20):
            reply = send(self.good, plain_mail(f"{name}-{number}"),
                         recipient="alarm@site-2.internal")
            self.assertEqual(reply.stage, "stored", reply)
            times.append(reply.seconds)
        began = time.monotonic()
        missing = self.centre.mailbox.wait_for([f"{name}-{n}" for n in range(20)], 30)
        self.assert_none_missing(missing)
        self.say(f"box 2, {name}: all 20 at EBÜS {time.monotonic() - began:.2f} s after the last "
                 "reply")
        return times


if __name__ == "__main__":
    main()
