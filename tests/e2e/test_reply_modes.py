#!/usr/bin/python3
"""What each kind of listener answers while the way to the centre is there, and while it is not."""

from harness.case import EndToEnd, main
from harness.ledger import entries
from harness.mails import plain_mail, send
from harness.world import World

PASS_THROUGH, STORE_AND_FORWARD = 2525, 2526
ACK_WAIT_S = 3


class ReplyModes(EndToEnd):
    @classmethod
    def setUpClass(cls):
        def prepare(world):
            address = world.box.lan_address
            world.box.listeners += [
                {"name": "pass", "address": address, "port": PASS_THROUGH,
                 "reply": "pass-through", "ack_wait": f"{ACK_WAIT_S}s"},
                {"name": "store", "address": address, "port": STORE_AND_FORWARD,
                 "reply": "store-and-forward"}]

        cls.world = World(prepare=prepare).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.centre = cls.world.box, cls.world.centre

    def setUp(self):
        self.box.wait_for_link()

    def booked(self, replies):
        wanted = {reply.alarm_id for reply in replies}
        return [entry for entry in entries(self.centre) if entry.alarm_id in wanted]

    def arrivals(self, test_id, count):
        """How often EBÜS got it: waits for `count`, and then for one too many."""
        self.centre.mailbox.wait_until(
            lambda _: len(self.centre.mailbox.find(test_id)) >= count, 30)
        self.centre.mailbox.wait_until(
            lambda _: len(self.centre.mailbox.find(test_id)) > count, 1)
        return len(self.centre.mailbox.find(test_id))

    def test_pass_through_says_stored(self):
        reply = send(self.box, plain_mail("pass-up"), port=PASS_THROUGH)
        self.assertEqual((reply.code, reply.stage), (250, "stored"), reply)
        self.assertEqual(len(self.booked([reply])), 1, "said to be stored, but is not")

    def test_store_and_forward_does_not_wait(self):
        reply = send(self.box, plain_mail("store-up"), port=STORE_AND_FORWARD)
        self.assertEqual((reply.code, reply.stage), (250, "spooled"), reply)
        self.box.cut_cable()
        try:
            first = send(self.box, plain_mail("store-cut"), port=STORE_AND_FORWARD)
        finally:
            self.box.mend_cable()
        self.assertEqual((first.code, first.stage), (250, "spooled"), first)
        self.assertLess(first.seconds, ACK_WAIT_S, "it must not wait for the centre")
        self.assert_none_missing(self.centre.mailbox.wait_for(["store-up", "store-cut"], 30))

    def test_pass_through_without_a_way_is_451_and_a_resend_joins(self):
        content = plain_mail("pass-cut")
        try:
            self.box.lose_link()
            tries = [send(self.box, content, port=PASS_THROUGH) for _ in range(3)]
            other = send(self.box, plain_mail("pass-other"), port=PASS_THROUGH)
        finally:
            self.box.mend_cable()
        for reply in [*tries, other]:
            self.assertEqual(reply.code, 451, reply)
            self.assertTrue(reply.text.startswith("4.4.1 "), reply)
        self.assertEqual(len({reply.alarm_id for reply in tries}), 1, "a resend did not join")
        self.assertNotEqual(other.alarm_id, tries[0].alarm_id)
        self.assertEqual((self.arrivals("pass-cut", 1), self.arrivals("pass-other", 1)), (1, 1))
        records = self.booked(tries)
        self.assertEqual([record.repeats for record in records], [2])
        self.box.wait_for_link()
        later = send(self.box, content, port=PASS_THROUGH)
        self.assertEqual((later.code, later.stage), (250, "stored"), later)
        self.assertNotEqual(later.alarm_id, tries[0].alarm_id, "what is settled joins nothing")

    def test_two_equal_mails_answered_250_are_two_alarms(self):
        self.two_equal_mails("twice-up")
        try:
            self.box.lose_link()
            replies = self.send_twice("twice-cut")
        finally:
            self.box.mend_cable()
        self.judge_two("twice-cut", replies)

    def two_equal_mails(self, test_id):
        self.judge_two(test_id, self.send_twice(test_id))

    def send_twice(self, test_id):
        content = plain_mail(test_id)
        replies = [send(self.box, content) for _ in range(2)]
        self.assertEqual([reply.code for reply in replies], [250, 250], replies)
        return replies

    def judge_two(self, test_id, replies):
        self.assertEqual(len({reply.alarm_id for reply in replies}), 2, "joined after a 250")
        self.assertEqual(self.arrivals(test_id, 2), 2)
        self.assertEqual([record.repeats for record in self.booked(replies)], [0, 0])


if __name__ == "__main__":
    main()
