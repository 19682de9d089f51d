#!/usr/bin/python3
"""kill -9 of either side at any moment of a change of keys: it comes to its end all the same.

Each run takes two of the moments for each victim; `ALARMWIRE_LONG=1` all of them. Every step and
every pair of steps is provisioning's KeyChange test.
"""

import os
import random
import time

from harness import key_change
from harness.case import main
from harness.mails import plain_mail, send
from harness.world import ask, wait_for

# Ordered to changed takes about 0.5 s.
DELAYS_S = (0.0, 0.05, 0.15, 0.4)


class KilledWhileKeysChange(key_change.KeyChange):
    def test_a_kill_at_every_moment_on_either_side(self):
        self.enrolled()
        victims = {"edge": self.box.edge, "box-tunnel": self.box.tunnel,
                   "receiver": self.centre.receiver, "centre-tunnel": self.centre.tunnel}
        number = 0
        for name, victim in victims.items():
            moments = DELAYS_S if os.environ.get("ALARMWIRE_LONG") else random.sample(DELAYS_S, 2)
            for delay in moments:
                number += 1
                was = self.shown()
                self.rotate()
                time.sleep(delay)
                victim.kill()
                victim.start()
                self.wait_ready(name)
                where = f"{name} killed after {delay} s"
                try:
                    self.wait_changed(was["public_key"], 90)
                except TimeoutError as error:
                    self.fail(f"{where}: {error}; {self.shown()}")
                reply = send(self.box, plain_mail(f"m-{number}"))
                self.assertEqual(reply.code, 250, where)
                wait_for(f"an acknowledged alarm, {where}",
                         lambda: send(self.box, plain_mail("probe")).stage == "stored", 60, 0.5)
        self.say(f"{number} changes of keys, each with one kill -9, all came to their end")
        self.assert_none_missing(
            self.centre.mailbox.wait_for([f"m-{n}" for n in range(1, number + 1)], 30))

    def wait_ready(self, name):
        if name == "edge":
            self.box.wait_for_door()
        elif name == "receiver":
            self.centre.wait_for_receiver()
        elif name == "box-tunnel":
            wait_for("the box's tunnel", lambda: ask(self.box.tunnel_socket, "status"))
        else:
            wait_for("the centre's tunnel", lambda: ask(self.centre.tunnel_socket, "status"))


if __name__ == "__main__":
    main()
