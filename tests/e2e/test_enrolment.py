#!/usr/bin/python3
"""From a ticket to an acknowledged alarm, and the days on which that goes wrong."""

import json
import socket
import threading
import time

from harness.case import EndToEnd, main
from harness.faults import wait_for_faults
from harness.mails import plain_mail, send
from harness.world import ControlError, World, ask, wait_for

LINK_PORT, ENROLMENT_PORT = 7411, 7412


def reaches(namespace, address, port):
    with namespace.socket(socket.AF_INET6) as client:
        client.settimeout(1)
        try:
            client.connect((address, port))
            return True
        except OSError:
            return False


class Enrolment(EndToEnd):
    def world_of(self, boxes):
        self.world = World(boxes=boxes, by_ticket=True).__enter__()
        self.addCleanup(self.world.__exit__, None, None, None)
        self.centre = self.world.centre
        # A ticket needs the centre's key, which its tunnel daemon tells each second.
        wait_for("the tunnel at the centre",
                 lambda: self.centre.status()["tunnel"]["reachable"])
        return self.world.boxes

    def ticket(self, site, *words):
        return wait_for("a ticket", lambda: self.centre.ticket(site, *words))

    def states_of(self, result):
        code, states = result
        return code, states[-1]["step"], states

    def journal(self):
        out = self.centre.alarmwire("audit", "list", json_output=False)
        return out

    def centre_address(self):
        return ask(self.centre.tunnel_socket, "status")["address"]

    def test_ticket_to_acknowledged_alarm_and_no_second_box(self):
        box, stranger = self.world_of(2)
        early = send(box, plain_mail("early-1"))
        self.assertEqual((early.code, early.stage), (250, "spooled"), "kept before enrolment")
        ticket = self.ticket("site-1", "--name", "Werk Süd")
        self.assertEqual(ticket["state"], "issued")
        began = time.monotonic()
        code, step, states = self.states_of(box.enrol(ticket["text"]))
        self.assertEqual((code, step), (0, "done"), states)
        self.assertEqual(states[-1]["box"], "site-1")
        self.assertIn("acknowledged a test alarm", states[-1]["text"])
        reply = send(box, plain_mail("first-1"))
        took = time.monotonic() - began
        self.assertEqual((reply.code, reply.stage), (250, "stored"), reply)
        self.say(f"ticket to acknowledged alarm: {took:.2f} s")
        self.assertLess(took, 15)  # the promise of 5 s is measured, not asserted, on a busy machine
        self.assert_none_missing(self.centre.mailbox.wait_for(["early-1", "first-1"], 20))
        # Nothing of the ticket is left on the box, its own key is the tunnel daemon's alone.
        identity = box.folder / "tunnel/identity.json"
        self.assertEqual(identity.stat().st_mode & 0o777, 0o600)
        self.assertNotIn("bootstrap_private_key", json.loads(identity.read_text()))
        self.assertEqual(json.loads((box.folder / "edge/box.json").read_text())["id"], "site-1")
        # The same ticket again at the same box: it says so, and nothing changes.
        self.assertEqual(self.states_of(box.enrol(ticket["text"]))[:2], (0, "done"))
        # Another box with it hears the reason, and is left as it was.
        code, step, states = self.states_of(stranger.enrol(ticket["text"]))
        self.assertEqual((code, step), (1, "refused"), states)
        self.assertIn("another box", states[-1]["text"])
        self.assertFalse((stranger.folder / "tunnel/identity.json").exists())
        self.assertEqual(len(wait_for_faults(self.centre.mailbox, "ticket-reused")), 1)
        self.assertEqual(self.centre.alarmwire("ticket", "show", str(ticket["ticket"]))["state"],
                         "used")
        # A ticket of its own lets it in; both are boxes like any other.
        code, step, states = self.states_of(stranger.enrol(self.ticket("site-2")["text"]))
        self.assertEqual((code, step), (0, "done"), states)
        listed = self.centre.alarmwire("box", "list")["boxes"]
        self.assertEqual({b["id"]: b["connected"] for b in listed},
                         {"site-1": True, "site-2": True})
        self.assertEqual(listed[0]["name"], "Werk Süd")
        self.assertFalse(reaches(box.netns, self.centre_address(), ENROLMENT_PORT),
                         "an enrolled box has no business at the enrolment port")
        self.assertTrue(reaches(box.netns, self.centre_address(), LINK_PORT))
        # Both sides forget nothing over a restart.
        for program in (box.edge, box.tunnel, self.centre.receiver, self.centre.tunnel):
            program.restart()
        box.wait_for_door()
        self.centre.wait_for_receiver()
        box.wait_for_link()
        self.assertEqual(send(box, plain_mail("after-1")).stage, "stored")

    def test_manual_approval_with_six_words_and_revocation(self):
        (box,) = self.world_of(1)
        ticket = self.ticket("site-1", "--approve", "manual")
        enrolling = box.start_enrolling(ticket["text"])
        self.addCleanup(enrolling.kill)
        waiting = wait_for("the box to wait", lambda: [
            b for b in self.centre.alarmwire("box", "list")["enrolled"] if b["state"] == "pending"])
        at_box = wait_for("the words at the box",
                          lambda: ask(box.edge_socket, "enrolment")["words"])
        self.assertEqual(waiting[0]["words"], at_box)
        self.assertEqual(len(at_box.split()), 6)
        # Who holds only a ticket reaches the enrolment port and nothing else.
        address = self.centre_address()
        self.assertFalse(reaches(box.netns, address, LINK_PORT))
        self.assertTrue(reaches(box.netns, address, ENROLMENT_PORT))
        # The person hangs up, the box loses power: it goes on by itself.
        enrolling.kill()
        box.edge.kill()
        box.tunnel.kill()
        box.start()
        self.centre.alarmwire("box", "approve", "site-1")
        took = box.wait_for_link()
        self.say(f"approved to link: {took:.2f} s")
        self.assertEqual(send(box, plain_mail("m-1")).stage, "stored")
        began = time.monotonic()
        self.centre.alarmwire("box", "revoke", "site-1")
        wait_for("the revoked box to lose its link", lambda: not self.world.link_is_up(box), 10)
        self.say(f"revoked to cut: {time.monotonic() - began:.2f} s")
        self.assertEqual(send(box, plain_mail("m-2")).stage, "spooled")
        peers = ask(self.centre.tunnel_socket, "status")["peers"]
        self.assertNotIn("site-1", [p["box"] for p in peers])
        journal = self.journal()
        for what in ("ticket created", "box enrolled", "box approved", "box revoked"):
            self.assertIn(what, journal)
        # A new ticket for the site, by explicit wish at the box.
        fresh = self.ticket("site-1")["text"]
        code, step, states = self.states_of(box.enrol(fresh))
        self.assertEqual((code, step), (1, "refused"), states)
        self.assertIn("enrolled already", states[-1]["text"])
        code, step, states = self.states_of(box.enrol(fresh, "--anew"))
        self.assertEqual((code, step), (0, "done"), states)
        self.assert_none_missing(self.centre.mailbox.wait_for(["m-1", "m-2"], 30))

    def test_expired_revoked_and_unreadable_tickets(self):
        (box,) = self.world_of(1)
        brief = self.ticket("site-1", "--expires", "1s")
        time.sleep(1.1)
        code, step, states = self.states_of(box.enrol(brief["text"]))
        self.assertEqual((code, step), (1, "refused"), states)
        self.assertIn("expired", states[-1]["text"])
        gone = self.ticket("site-1")
        self.centre.alarmwire("ticket", "revoke", str(gone["ticket"]))
        code, step, states = self.states_of(box.enrol(gone["text"]))
        self.assertEqual((code, step), (1, "refused"), states)
        self.assertIn("revoked", states[-1]["text"])
        good = self.ticket("site-1")["text"]
        code, states = box.enrol(good[:40] + ("2" if good[40] != "2" else "3") + good[41:])
        self.assertEqual(code, 1)
        self.assertIn("wrong character", states[-1]["text"])
        with self.assertRaises(ControlError):
            self.centre.ticket("Not A Box Id")
        code, step, states = self.states_of(box.enrol(good.lower().replace("a", "a- ")))
        self.assertEqual((code, step), (0, "done"), states)

    def test_two_boxes_at_the_same_instant(self):
        boxes = self.world_of(2)
        text = self.ticket("site-1")["text"]
        results = {}
        gate = threading.Barrier(2)

        def run(box):
            gate.wait()
            results[box.number] = box.enrol(text, within_s=120)

        threads = [threading.Thread(target=run, args=(box,)) for box in boxes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ends = sorted((code, states[-1]["step"]) for code, states in results.values())
        self.assertEqual(ends, [(0, "done"), (1, "refused")], results)
        winner = next(box for box in boxes if results[box.number][0] == 0)
        self.assertEqual(send(winner, plain_mail("w-1")).stage, "stored")


if __name__ == "__main__":
    main()
