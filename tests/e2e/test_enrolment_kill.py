#!/usr/bin/python3
"""kill -9 of either side at any moment of an enrolment: the same ticket, given again, finishes it."""

import time

from harness.case import EndToEnd, main
from harness.mails import plain_mail, send
from harness.world import World, ask, wait_for

DELAYS_S = (0.0, 0.08, 0.3)  # an enrolment takes about 0.25 s


class KilledWhileEnrolling(EndToEnd):
    def test_every_victim_at_every_moment(self):
        world = World(boxes=1, by_ticket=True).__enter__()
        self.addCleanup(world.__exit__, None, None, None)
        box, centre = world.box, world.centre
        wait_for("the tunnel at the centre", lambda: centre.status()["tunnel"]["reachable"])
        victims = {"edge": box.edge, "box-tunnel": box.tunnel, "receiver": centre.receiver,
                   "centre-tunnel": centre.tunnel}
        number = 0
        for delay in DELAYS_S:
            for name, victim in victims.items():
                number += 1
                site = f"site-{number}"
                text = wait_for("a ticket", lambda: centre.ticket(site))["text"]
                enrolling = box.start_enrolling(text, "--anew")
                time.sleep(delay)
                victim.kill()
                victim.start()
                if name == "edge":
                    box.wait_for_door()
                if name == "receiver":
                    centre.wait_for_receiver()
                if name == "box-tunnel":
                    wait_for("the box's tunnel daemon", lambda: ask(box.tunnel_socket, "status"))
                enrolling.kill()
                enrolling.communicate()
                code, states = box.enrol(text, "--anew", within_s=60)
                where = f"{name} killed after {delay} s: {states[-1]}"
                self.assertEqual((code, states[-1]["step"]), (0, "done"), where)
                reply = send(box, plain_mail(f"m-{number}"))
                self.assertEqual((reply.code, reply.stage), (250, "stored"), where)
                enrolled = [b for b in centre.alarmwire("box", "list")["enrolled"]
                            if b["id"] == site]
                self.assertEqual([b["state"] for b in enrolled], ["approved"], where)
        self.say(f"{number} enrolments, each with one kill -9, all finished by the same ticket")
        self.assert_none_missing(
            centre.mailbox.wait_for([f"m-{n}" for n in range(1, number + 1)], 30))


if __name__ == "__main__":
    main()
