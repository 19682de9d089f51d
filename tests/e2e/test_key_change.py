#!/usr/bin/python3
"""`alarmwire box rotate`: new keys while alarms come in without pause, and a trial in vain."""

import json
import time

from harness import key_change
from harness.case import main
from harness.mails import Load, plain_mail, send
from harness.world import ask, wait_for


class KeyChangeUnderLoad(key_change.KeyChange):
    def test_new_key_and_psk_under_load_and_no_alarm_is_lost(self):
        self.enrolled()
        before, identity = self.shown(), self.identity()
        epoch = self.box.status()["spool"]["epoch"]
        load = Load(self.box, devices=4, mails_per_device=10_000, pause_s=0.02).start()
        self.addCleanup(load.stop)
        wait_for("the load", lambda: len(load.replies) > 50)
        for number in range(3):
            began, was = time.monotonic(), self.shown()
            self.rotate()
            after = self.wait_changed(was["public_key"])
            self.say(f"change {number + 1} under load: {time.monotonic() - began:.2f} s")
            self.assertNotEqual(after["tunnel_address"], was["tunnel_address"])
            count = len(load.replies)
            wait_for("more alarms", lambda: len(load.replies) > count + 20)
        load.stop()
        waits = sorted(r.seconds for r in load.replies)
        self.say(f"{len(load.replies)} answered 250, {len(load.failures)} not; the slowest "
                 f"{waits[-1]:.2f} s")
        self.assertFalse(load.failures, load.failures[:3])
        self.assert_none_missing(
            self.centre.mailbox.wait_for([r.test_id for r in load.replies], 60))
        arrived = self.centre.mailbox.test_ids()
        self.assertEqual(len(arrived), len(set(arrived)), "an alarm arrived twice")
        # The box is who it was: the same id, the same epoch of its spool, no second box.
        self.assertEqual(self.box.status()["spool"]["epoch"], epoch)
        self.assertEqual([b["id"] for b in self.ranges()], ["site-1"])
        # Nothing of the old keys is left, on either side.
        after = self.identity()
        for secret in ("private_key", "preshared_key"):
            self.assertNotEqual(after[secret], identity[secret])
        self.assertEqual(after["rotation"]["state"], "done")
        self.assertNotIn(identity["private_key"], json.dumps(after))
        keys = [p["public_key"] for p in self.peers().values()]
        self.assertNotIn(before["public_key"], keys)
        self.assertIn(self.shown()["public_key"], keys)
        self.assertNotIn("site-1:next", self.peers())
        journal = self.centre.alarmwire("audit", "list", json_output=False)
        for what in ("key change ordered", "new key let in", "key changed"):
            self.assertEqual(journal.count(what), 3, journal)

    def test_ordered_while_the_box_is_away_and_a_trial_in_vain(self):
        self.enrolled()
        was = self.shown()
        self.box.edge.stop()
        self.assertEqual(self.rotate()["key_change"], "ordered")
        self.box.edge.start()
        self.box.wait_for_door()
        was = self.wait_changed(was["public_key"])
        # The receiver goes right when the box tries its new key: after a minute it is back on the
        # old one, which the centre never ceased to accept.
        self.rotate()
        wait_for("the trial", lambda: self.identity()["rotation"]["state"] == "trial", 20, 0.002)
        self.centre.receiver.kill()
        if self.identity()["rotation"]["state"] == "trial":
            wait_for("the old key to come back",
                     lambda: self.identity()["rotation"]["state"] == "offered", 90)
            status = ask(self.box.tunnel_socket, "status")
            self.assertEqual(status["public_key"], was["public_key"])
            self.say("no Welcome for 60 s: the old key is in use again")
        self.centre.receiver.start()
        self.centre.wait_for_receiver()
        self.wait_changed(was["public_key"])
        self.assertEqual(send(self.box, plain_mail("after")).stage, "stored")


if __name__ == "__main__":
    main()
