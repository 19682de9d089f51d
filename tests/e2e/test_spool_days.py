#!/usr/bin/python3
"""The spool file is damaged, or comes back from last week's copy: the box starts, serves, reports,
and never uses an identity twice."""

import os
import random
import shutil

from harness.case import EndToEnd, main
from harness.ledger import entries, identity_breaches, lost_or_doubled
from harness.mails import plain_mail, send
from harness.process import GID, UID_EDGE
from harness.world import World


def send_all(box, prefix, count):
    return [send(box, plain_mail(f"{prefix}-{n}"), f"{prefix}-{n}") for n in range(count)]


class SpoolDays(EndToEnd):
    def setUp(self):
        self.world = World().__enter__()
        self.addCleanup(self.world.__exit__, None, None, None)
        self.box, self.centre = self.world.box, self.world.centre
        self.spool = self.box.folder / "spool"

    def start_box(self):
        self.box.edge.start()
        self.box.wait_for_door()

    def damage(self, first_byte, last_byte=None):
        path = self.spool / "spool.db"
        size = path.stat().st_size
        with open(path, "r+b") as file:
            file.seek(first_byte)
            file.write(random.Random(3).randbytes((last_byte or size) - first_byte))
        return size

    def judge_quarantine(self):
        reply = send(self.box, plain_mail("at-once"), "at-once")
        self.assertTrue(reply.accepted, f"no service with a damaged spool: {reply}")
        self.assertTrue(list((self.spool / "quarantine").iterdir()), "nothing in quarantine")
        self.box.mend_cable()
        self.assert_none_missing(self.centre.mailbox.wait_for(["at-once"], 30))
        fault = self.centre.mailbox.wait_until(
            lambda m: not m.test_id and b"quarantine" in m.content.lower(), 20)
        self.assertIsNotNone(fault, "no fault mail about the quarantine")

    def test_damaged_in_the_middle_is_quarantined_and_salvaged(self):
        self.box.lose_link()
        sent = send_all(self.box, "mid", 300)
        self.assertTrue(all(r.accepted for r in sent))
        self.box.edge.stop()
        size = (self.spool / "spool.db").stat().st_size
        self.damage(size // 2 // 4096 * 4096, size // 2 // 4096 * 4096 + 3 * 4096)
        self.start_box()
        self.judge_quarantine()
        missing = self.centre.mailbox.wait_for([r.test_id for r in sent], 8)
        self.say(f"{len(sent) - len(missing)} of {len(sent)} mails were salvaged from a file with "
                 "three ruined pages")
        self.assertLess(len(missing), 60, "salvage gave up too early")
        self.assertFalse(identity_breaches(entries(self.centre)))
        _, doubled = lost_or_doubled(self.centre, [r.alarm_id for r in sent])
        self.assertFalse(doubled)

    def test_ruined_from_the_first_byte_is_quarantined(self):
        self.box.lose_link()
        send_all(self.box, "ruin", 5)
        self.box.edge.stop()
        self.damage(0)
        self.start_box()
        self.judge_quarantine()

    def test_restored_from_an_old_copy(self):
        replies = send_all(self.box, "old", 10)
        self.box.edge.stop()
        copy = self.box.folder / "copy"
        shutil.copytree(self.spool, copy)
        self.start_box()
        self.box.wait_for_link()
        replies += send_all(self.box, "lost", 10)
        self.box.edge.kill()
        shutil.rmtree(self.spool)
        shutil.copytree(copy, self.spool)
        for path in (self.spool, *self.spool.rglob("*")):
            os.chown(path, UID_EDGE, GID)
        self.start_box()
        self.box.wait_for_link()
        replies += send_all(self.box, "new", 10)
        self.assertEqual({r.stage for r in replies}, {"stored"})
        missing = self.centre.mailbox.wait_for([r.test_id for r in replies], 30)
        self.assert_none_missing(missing)
        lost, doubled = lost_or_doubled(self.centre, [r.alarm_id for r in replies])
        self.assertFalse(lost or doubled, (lost, doubled))
        self.assertFalse(identity_breaches(entries(self.centre)))
        arrivals = self.centre.mailbox.test_ids()
        self.assertEqual(len(arrivals), len(set(arrivals)), "EBÜS got a mail twice")


if __name__ == "__main__":
    main()
