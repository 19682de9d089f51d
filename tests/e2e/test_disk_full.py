#!/usr/bin/python3
"""No room: the box says 452 and serves again when there is room; the centre then stores nothing
and says nothing, and the box keeps what it has."""

import time

from harness.case import EndToEnd, main
from harness.faults import wait_for_faults
from harness.ledger import lost_or_doubled
from harness.mails import plain_mail, send
from harness.net import run
from harness.process import UID_EDGE, UID_RECEIVER
from harness.world import World

MAIL_BYTES = 1024 * 1024
DISK_BYTES = 24 * 1024 * 1024
MAILS_MAX = 60
SERVICE_AGAIN_S = 10


class DiskFull(EndToEnd):
    def fill_until_452(self, box, prefix):
        accepted = []
        for number in range(MAILS_MAX):
            test_id = f"{prefix}-{number}"
            reply = send(box, plain_mail(test_id, size_bytes=MAIL_BYTES), test_id)
            if reply.accepted:
                accepted.append(reply)
                continue
            self.assertEqual(reply.code, 452, reply)
            return accepted
        self.fail(f"{MAILS_MAX} MiB went into a spool of {DISK_BYTES >> 20} MiB")

    def judge_box(self, world):
        box, mailbox = world.box, world.centre.mailbox
        box.lose_link()
        accepted = self.fill_until_452(box, "full")
        self.assertGreater(len(accepted), 3)
        self.assertTrue(box.edge.running(), "the box must live on a full disk")
        self.say(f"{len(accepted)} mails of 1 MiB were taken, then 452")
        box.mend_cable()
        self.assert_none_missing(mailbox.wait_for([r.test_id for r in accepted], 60))
        began = time.monotonic()
        while True:
            after = send(box, plain_mail("after-1", size_bytes=MAIL_BYTES), "after-1")
            if after.accepted:
                break
            self.assertEqual(after.code, 452, after)
            self.assertLess(time.monotonic() - began, SERVICE_AGAIN_S, "no service again")
            time.sleep(0.5)
        self.say(f"room again: service {time.monotonic() - began:.1f} s after the last delivery")
        self.assert_none_missing(mailbox.wait_for(["after-1"], 30))
        fault = mailbox.wait_until(lambda m: not m.test_id and b"full" in m.content.lower(), 20)
        self.assertIsNotNone(fault, "no fault mail about the full spool")

    def test_quota_of_the_box_is_used_up(self):
        def prepare(world):
            world.box.spool_options = {"quota": DISK_BYTES}

        with World(prepare=prepare) as world:
            self.judge_box(world)

    def test_disk_of_the_box_is_full(self):
        def prepare(world):
            world.mount_small_disk(world.box.folder / "spool", DISK_BYTES, UID_EDGE)

        with World(prepare=prepare) as world:
            self.judge_box(world)

    def test_disk_of_the_centre_is_full(self):
        def prepare(world):
            world.mount_small_disk(world.centre.folder / "ledger", DISK_BYTES, UID_RECEIVER)

        with World(prepare=prepare) as world:
            box, centre = world.box, world.centre
            replies = []
            for number in range(MAILS_MAX):
                test_id = f"centre-{number}"
                reply = send(box, plain_mail(test_id, size_bytes=MAIL_BYTES), test_id)
                self.assertTrue(reply.accepted, reply)
                replies.append(reply)
                if sum(r.stage == "spooled" for r in replies) == 3:
                    break
            stored = [r for r in replies if r.stage == "stored"]
            self.assertEqual(len(replies) - len(stored), 3, "the centre never ran full")
            lost, _ = lost_or_doubled(centre, [r.alarm_id for r in stored])
            self.assert_none_missing(lost, "alarms said to be stored")
            self.say(f"{len(stored)} stored, then the centre was full and the box kept the rest")
            self.judge_full_centre(centre)
            run("mount", "-o", f"remount,size={16 * DISK_BYTES}", str(centre.folder / "ledger"))
            missing = centre.mailbox.wait_for([r.test_id for r in replies], 60)
            self.assert_none_missing(missing)
            lost, doubled = lost_or_doubled(centre, [r.alarm_id for r in replies])
            self.assertFalse(lost or doubled, (lost, doubled))
            raised = wait_for_faults(centre.mailbox, "ledger-full")
            over = wait_for_faults(centre.mailbox, "ledger-full", over=True)
            self.assertEqual((len(raised), len(over)), (1, 1), "the fault and its end at EBÜS")
            self.assertLess(raised[0].received_us, over[0].received_us)
            self.assertFalse(centre.status()["ledger"]["full"])

    def judge_full_centre(self, centre):
        """It cannot book its fault, but whoever asks is told, and what it stored can be read."""
        status = centre.status()
        self.assertEqual(status["verdict"], "red", status["verdict_reason"])
        self.assertTrue(status["ledger"]["full"])
        self.assertIn("ledger-full", [fault["code"] for fault in status["faults"]])
        newest = centre.alarmwire("alarm", "list", "--limit", "1")["alarms"][0]
        self.assertEqual(centre.alarmwire("alarm", "show", newest["id"])["id"], newest["id"])


if __name__ == "__main__":
    main()
