#!/usr/bin/python3
"""EBÜS says no, or says nothing: only what it concerns waits, and everybody can see it."""

import time

from harness.case import EndToEnd, main
from harness.mails import plain_mail, send
from harness.world import World, wait_for


class EbuesDays(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World(boxes=2).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.other = cls.world.boxes
        cls.centre = cls.world.centre
        cls.mailbox = cls.centre.mailbox

    def tearDown(self):
        self.centre.set_rules([])

    def arrives(self, box, test_id, within_s, **how):
        began = time.monotonic()
        reply = send(box, plain_mail(test_id), test_id, **how)
        self.assertEqual(reply.stage, "stored", reply)
        self.assert_none_missing(self.mailbox.wait_for([test_id], within_s))
        return time.monotonic() - began

    def test_4xx_for_ever_holds_its_lane_only(self):
        """Parking comes after ten tries, half an hour: receiver/outlets tests it on virtual time."""
        self.centre.set_rules([{"contains": "X-Test-Id: stuck-", "code": 451,
                                "text": "4.3.0 not this one"}])
        stuck = send(self.box, plain_mail("stuck-1"), recipient="routine-daily@edge.internal")
        behind = send(self.box, plain_mail("behind-1"), recipient="routine-daily@edge.internal")
        self.assertEqual((stuck.stage, behind.stage), ("stored", "stored"))
        own, foreign = [], []
        for number in range(10):
            own.append(self.arrives(self.box, f"alarm-{number}", 5))
            foreign.append(self.arrives(self.other, f"other-{number}", 5,
                                        recipient="alarm@site-2.internal"))
            time.sleep(0.5)
        self.say(f"beside a stuck mail, worst of ten: alarm of the same box {max(own) * 1000:.0f} "
                 f"ms, of another {max(foreign) * 1000:.0f} ms")
        arrivals = self.mailbox.test_ids()
        self.assertNotIn("stuck-1", arrivals)
        self.assertNotIn("behind-1", arrivals, "overtook within its lane")
        waiting = self.centre.alarmwire("outlet", "list")["outlets"][0]["waiting"]
        self.assertEqual(waiting, 2)
        self.centre.set_rules([])
        self.assert_none_missing(self.mailbox.wait_for(["stuck-1", "behind-1"], 45))
        arrivals = self.mailbox.test_ids()
        self.assertLess(arrivals.index("stuck-1"), arrivals.index("behind-1"))

    def test_refused_for_good_is_told_in_a_small_mail(self):
        self.centre.set_rules([{"contains": "X-Test-Id: never-1", "code": 554,
                                "text": "5.6.0 never"}])
        reply = send(self.box, plain_mail("never-1"), "never-1")
        self.assertEqual(reply.stage, "stored", reply)
        told = self.mailbox.wait_until(
            lambda m: not m.test_id and reply.alarm_id.encode() in m.content, 20)
        self.assertIsNotNone(told, "no mail tells of the refused one")
        self.arrives(self.box, "next-1", 5)

    def test_silent_ebues_gets_everything_when_it_is_back(self):
        self.centre.standin.kill()
        replies = [send(self.box, plain_mail(f"down-{n}"), f"down-{n}") for n in range(10)]
        self.assertEqual({r.stage for r in replies}, {"stored"})
        time.sleep(3)
        self.centre.standin.start()
        began = time.monotonic()
        missing = self.mailbox.wait_for([r.test_id for r in replies], 60)
        self.assert_none_missing(missing)
        self.say(f"EBÜS back: all there after {time.monotonic() - began:.1f} s")
        arrivals = [t for t in self.mailbox.test_ids() if t.startswith("down-")]
        first = list(dict.fromkeys(arrivals))
        self.assertEqual(first, [f"down-{n}" for n in range(10)], "order")

    def test_slow_ebues_does_not_slow_the_reply(self):
        self.centre.set_rules([{"contains": "X-Test-Id: slow-1", "delay_s": 3}])
        reply = send(self.box, plain_mail("slow-1"), "slow-1")
        self.assertEqual(reply.stage, "stored", reply)
        self.assertLess(reply.seconds, 1)
        self.assert_none_missing(self.mailbox.wait_for(["slow-1"], 20))

    def test_test_mail_goes_to_the_test_address(self):
        self.centre.alarmwire("outlet", "test", "ebues")
        found = wait_for("the test mail", lambda: self.mailbox.wait_until(
            lambda m: m.recipients == ["test@ebues.internal"], 10))
        self.assertTrue(found)
        self.assertTrue(self.centre.alarmwire("outlet", "list"))


if __name__ == "__main__":
    main()
