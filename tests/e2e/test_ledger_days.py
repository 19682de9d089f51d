#!/usr/bin/python3
"""The ledger comes back from a backup: the box's settled rows fill it up again, nothing is doubled,
and EBÜS hears anew only of alarms whose hand-over no receipt at the box proves."""

import os
import shutil

from harness.case import EndToEnd, main
from harness.ledger import entries, identity_breaches, lost_or_doubled
from harness.mails import plain_mail, send
from harness.process import GID, UID_RECEIVER
from harness.world import World, ask, wait_for


class LedgerDays(EndToEnd):
    def test_restored_from_backup(self):
        with World() as world:
            self.world, box, centre = world, world.box, world.centre
            kept = self.send_all("kept", 12)
            self.wait_for_mails(kept)
            self.back_up()
            gone = self.send_all("gone", 12)
            self.wait_for_mails(gone)
            self.wait_for_receipts(gone)
            box.edge.stop()  # its memory goes, its file stays
            box.edge.start()
            box.wait_for_link()
            unheard = self.take_without_receipts("unheard", 4)
            centre.receiver.kill()
            self.restore()
            box.mend_cable()
            box.wait_for_link()
            everything = kept + gone + unheard
            ids = [r.alarm_id for r in everything]
            wait_for("the ledger to be filled up", lambda: lost_or_doubled(centre, ids)[0] == [],
                     30, 0.2)
            new = self.send_all("new", 12)
            self.wait_for_mails(new)
            self.judge(kept, gone, unheard, new)

    def send_all(self, prefix, count):
        replies = [send(self.world.box, plain_mail(f"{prefix}-{n}"), f"{prefix}-{n}")
                   for n in range(count)]
        self.assertEqual({r.stage for r in replies}, {"stored"}, replies)
        return replies

    def wait_for_mails(self, replies):
        self.assert_none_missing(self.world.centre.mailbox.wait_for([r.test_id for r in replies]))

    def stages(self, reply):
        return [s["stage"] for s in
                ask(self.world.box.edge_socket, "trace", id=reply.alarm_id)["stages"]]

    def wait_for_receipts(self, replies):
        wait_for("the receipts to reach the box",
                 lambda: all("handed over" in self.stages(r) for r in replies))

    def take_without_receipts(self, prefix, count):
        """Alarms that EBÜS takes while the box cannot be told."""
        box, standin = self.world.box, self.world.centre.standin
        standin.kill()
        replies = self.send_all(prefix, count)
        box.lose_link()
        standin.start()
        self.wait_for_mails(replies)
        return replies

    def back_up(self):
        centre = self.world.centre
        centre.receiver.stop()
        shutil.copytree(centre.folder / "ledger", centre.folder / "backup")
        self.start_receiver()

    def restore(self):
        centre = self.world.centre
        ledger = centre.folder / "ledger"
        shutil.rmtree(ledger)
        shutil.copytree(centre.folder / "backup", ledger)
        for path in (ledger, *ledger.rglob("*")):
            os.chown(path, UID_RECEIVER, GID)
        centre.receiver.start()
        centre.wait_for_receiver()

    def start_receiver(self):
        self.world.centre.receiver.start()
        self.world.centre.wait_for_receiver()
        self.world.box.wait_for_link()

    def hand_over(self, reply):
        (one,) = ask(self.world.centre.receiver_socket, "alarm",
                     id=reply.alarm_id)["hand_over"].values()
        return one["state"]

    def judge(self, kept, gone, unheard, new):
        centre = self.world.centre
        everything = kept + gone + unheard + new
        lost, doubled = lost_or_doubled(centre, [r.alarm_id for r in everything])
        self.assertFalse(lost or doubled, (lost, doubled))
        self.assertFalse(identity_breaches(entries(centre)))
        wait_for("the alarms without a receipt to go once more",
                 lambda: all(self.hand_over(r) == "taken" for r in kept + unheard + new))
        self.assertEqual({self.hand_over(r) for r in gone}, {"skipped"})
        arrivals = centre.mailbox.test_ids()
        for replies, times in ((kept, 1), (gone, 1), (unheard, 2), (new, 1)):
            counts = {r.test_id: arrivals.count(r.test_id) for r in replies}
            self.assertEqual(set(counts.values()), {times}, counts)


if __name__ == "__main__":
    main()
