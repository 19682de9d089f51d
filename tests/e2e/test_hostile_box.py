#!/usr/bin/python3
"""Box 1 is in bad hands: it cannot speak as box 2, smuggle a second mail into EBÜS, or delay
box 2's alarms."""

import re
import statistics
import time

from harness.case import EndToEnd, main
from harness.ledger import entries
from harness.mails import Load, plain_mail, send
from harness.raw import begin_mail
from harness.world import World, wait_for

# Ends of data that some servers believe in, and RFC 5321 does not.
FALSE_ENDS = (b"\n.\r\n", b"\n.\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r",
              b"\r\n\0.\r\n", b"\r\r\n.\r\r\n")
FLOODED_S = 5  # connect → EBÜS for box 2 while box 1 floods


def hidden_mail(mark, end):
    return (plain_mail(f"{mark}-outer", size_bytes=300) + b"text" + end
            + b"MAIL FROM:<alarm@site-2.internal>\r\nRCPT TO:<alarm@site-2.internal>\r\nDATA\r\n"
            + f"X-Test-Id: {mark}-inner\r\n\r\nhello\r\nthe end of {mark}".encode())


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

    def test_second_mail_hidden_in_the_first_stays_text(self):
        for number, end in enumerate(FALSE_ENDS):
            with self.subTest(end=end):
                mark = f"evil-{number}"
                mail = begin_mail(self.evil)
                code, text = mail.finish(hidden_mail(mark, end))
                self.assertEqual(code, 250, text)
                self.assertEqual(mail.surplus_replies(), [], "the door took text for commands")
                self.assert_none_missing(self.centre.mailbox.wait_for([f"{mark}-outer"], 20))
        time.sleep(1)  # a second mail would have come by now
        mails = self.centre.mailbox.all()
        for number, end in enumerate(FALSE_ENDS):
            with self.subTest(end=end):
                self.assert_came_as_one(mails, f"evil-{number}")

    def assert_came_as_one(self, mails, mark):
        came = [m for m in mails if f"{mark}-inner".encode() in m.content]
        self.assertEqual(len(came), 1, "EBÜS got more than one mail")
        self.assertEqual(came[0].test_id, f"{mark}-outer")
        self.assert_speaks_for_box_1_only(came[0])
        self.assertIn(b"MAIL FROM:<alarm@site-2.internal>", came[0].content)
        self.assertIn(b"the end of " + mark.encode(), came[0].content)
        # The stand-in keeps what the wire carried: an EBÜS that takes a bare LF or CR for a line's
        # end, or for the end of data, must not see one.
        self.assertIsNone(re.search(rb"(?<!\r)\n|\r(?!\n)", came[0].content))
        outer = [m for m in mails if m.test_id == f"{mark}-outer"]
        self.assertEqual(len(outer), 1, "EBÜS got the mail more than once")


class Flood(EndToEnd):
    """A world of its own: what is left of the flood would be in the others' way."""

    def test_flood_of_box_1_does_not_delay_box_2(self):
        with World(boxes=2, devices=20) as world:
            evil, good = world.boxes
            calm = self.times_of_box_2(world, good, "calm")
            flood = Load(evil, devices=16, mails_per_device=2000, prefix="flood").start()
            try:
                wait_for("the flood", lambda: len(flood.replies) > 100, 60)
                flooded = self.times_of_box_2(world, good, "flooded")
                sent = len(flood.replies)
                self.assertTrue(flood.running, "the flood ended before box 2 had been timed")
            finally:
                flood.stop()
            at_ebues = sum(t.startswith("flood-") for t in world.centre.mailbox.test_ids())
            self.say(f"box 1 had {sent} mails taken, {at_ebues} of them at EBÜS by then")
            self.assertLess(max(flooded), FLOODED_S)
            of_box_1 = {r.alarm_id for r in flood.replies}
            strangers = [e for e in entries(world.centre)
                         if e.alarm_id in of_box_1 and e.box != evil.id]
            self.assertFalse(strangers)

    def times_of_box_2(self, world, good, name):
        """Seconds from the device's connect to EBÜS, of mails sent one after the other."""
        mailbox, replied, arrived = world.centre.mailbox, [], []
        for number in range(20):
            test_id = f"{name}-{number}"
            reply = send(good, plain_mail(test_id), recipient="alarm@site-2.internal")
            self.assertTrue(reply.accepted, reply)
            self.assert_none_missing(mailbox.wait_for([test_id], 30))
            came = mailbox.find_by_name(test_id).facts["received_us"] / 1e6
            replied.append(reply.seconds)
            arrived.append(came - (reply.at - reply.seconds))
        self.say(f"box 2, {name}: reply after {statistics.median(replied) * 1000:.0f} ms (worst "
                 f"{max(replied) * 1000:.0f}), at EBÜS after {statistics.median(arrived) * 1000:.0f}"
                 f" ms (worst {max(arrived) * 1000:.0f})")
        return arrived


if __name__ == "__main__":
    main()
