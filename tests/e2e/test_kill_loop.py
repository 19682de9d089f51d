#!/usr/bin/python3
"""kill -9 of the daemons at random moments under load: nothing that was answered 250 is lost,
nothing stands in the ledger twice, nothing overtakes."""

import random
import time

from harness.case import EndToEnd, main
from harness.ledger import (entries, identity_breaches, lost_or_doubled, out_of_sending_order,
                            overtaken_at_ebues)
from harness.mails import Load
from harness.world import World, ask, wait_for

KILLS = 10
TUNNELS = {3: ("box-tunnel",), 7: ("centre-tunnel",)}  # by the kill's number
SEED = 20260711


class KillLoop(EndToEnd):
    def test_every_250_is_kept(self):
        with World() as world:
            moments = random.Random(SEED)
            load = Load(world.box, devices=6, mails_per_device=3000, pause_s=0.005).start()
            try:
                for number in range(KILLS):
                    time.sleep(moments.uniform(0.3, 2.0))
                    victims = TUNNELS.get(number) or moments.choice(
                        (("edge",), ("receiver",), ("edge", "receiver")))
                    self.kill(world, victims)
                    self.say(f"kill {number + 1}: {' and '.join(victims)}, "
                             f"{len(load.replies)} answered 250 so far")
                time.sleep(2)
            finally:
                load.stop()
            self.judge(world, load)

    def kill(self, world, victims):
        program = {"edge": world.box.edge, "receiver": world.centre.receiver,
                   "box-tunnel": world.box.tunnel, "centre-tunnel": world.centre.tunnel}
        for name in victims:
            program[name].kill()
        for name in victims:
            program[name].start()
        world.box.wait_for_door()
        world.centre.wait_for_receiver()
        for end in (world.box, world.centre):
            wait_for("the tunnel daemon", lambda end=end: ask(end.tunnel_socket, "status"))

    def judge(self, world, load):
        replies = load.replies
        self.assertGreater(len(replies), 100, "too little load to prove anything")
        missing = world.centre.mailbox.wait_for([r.test_id for r in replies], 60)
        self.assert_none_missing(missing, "mails at EBÜS")
        lost, doubled = lost_or_doubled(world.centre, [r.alarm_id for r in replies])
        self.assert_none_missing(lost, "alarms in the ledger")
        self.assertFalse(doubled, "in the ledger more than once")
        found = entries(world.centre)
        self.assertFalse(identity_breaches(found))
        self.assertFalse(overtaken_at_ebues(found, world.centre.mailbox.alarm_ids()))
        self.assertFalse(out_of_sending_order(found, replies))
        stored = sum(reply.stage == "stored" for reply in replies)
        self.say(f"{len(replies)} answered 250 ({stored} stored), {len(load.failures)} tries "
                 f"failed; {len(world.centre.mailbox.test_ids())} mails at EBÜS; none lost")


if __name__ == "__main__":
    main()
