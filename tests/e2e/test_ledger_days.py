#!/usr/bin/python3
"""The ledger comes back from a backup: the box's settled rows fill it up again, nothing is doubled,
and EBÜS does not hear anew of alarms the backup knew."""

import os
import shutil
import time

from harness.case import EndToEnd, main
from harness.ledger import entries, identity_breaches, lost_or_doubled
from harness.mails import plain_mail, send
from harness.process import GID, UID_RECEIVER
from harness.world import World, wait_for


class LedgerDays(EndToEnd):
    def test_restored_from_backup(self):
        with World() as world:
            box, centre = world.box, world.centre
            ledger, backup = centre.folder / "ledger", centre.folder / "backup"
            replies = self.send_all(world, "kept")
            centre.receiver.stop()
            shutil.copytree(ledger, backup)
            centre.receiver.start()
            centre.wait_for_receiver()
            box.wait_for_link()
            replies += self.send_all(world, "gone")
            time.sleep(1)  # receipts reach the box
            centre.receiver.kill()
            shutil.rmtree(ledger)
            shutil.copytree(backup, ledger)
            for path in (ledger, *ledger.rglob("*")):
                os.chown(path, UID_RECEIVER, GID)
            centre.receiver.start()
            centre.wait_for_receiver()
            box.wait_for_link()
            ids = [r.alarm_id for r in replies]
            wait_for("the ledger to be filled up", lambda: lost_or_doubled(centre, ids)[0] == [],
                     30, 0.2)
            replies += self.send_all(world, "new")
            self.judge(world, replies)

    def send_all(self, world, prefix):
        replies = [send(world.box, plain_mail(f"{prefix}-{n}"), f"{prefix}-{n}")
                   for n in range(12)]
        self.assertEqual({r.stage for r in replies}, {"stored"}, replies)
        missing = world.centre.mailbox.wait_for([r.test_id for r in replies], 30)
        self.assert_none_missing(missing)
        return replies

    def judge(self, world, replies):
        lost, doubled = lost_or_doubled(world.centre, [r.alarm_id for r in replies])
        self.assertFalse(lost or doubled, (lost, doubled))
        self.assertFalse(identity_breaches(entries(world.centre)))
        time.sleep(1)
        arrivals = world.centre.mailbox.test_ids()
        again = {t for t in arrivals if arrivals.count(t) > 1}
        # What the backup does not know may reach EBÜS once more (at least once); nothing else may.
        self.assertFalse({t for t in again if not t.startswith("gone-")})
        self.say(f"{len(again)} of 12 alarms newer than the backup were handed over once more")


if __name__ == "__main__":
    main()
