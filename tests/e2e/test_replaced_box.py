#!/usr/bin/python3
"""`alarmwire box replace`: a new box takes the old one's place, which goes on until then."""

from harness.case import EndToEnd, main
from harness.mails import plain_mail, send
from harness.world import World, ask, wait_for


class ReplacedBox(EndToEnd):
    def test_the_old_box_is_out_when_the_new_one_is_connected(self):
        world = World(boxes=2, by_ticket=True).__enter__()
        self.addCleanup(world.__exit__, None, None, None)
        (old, new), centre = world.boxes, world.centre
        wait_for("the tunnel at the centre", lambda: centre.status()["tunnel"]["reachable"])
        text = wait_for("a ticket", lambda: centre.ticket("site-1", "--name", "Werk"))["text"]
        code, states = old.enrol(text)
        self.assertEqual((code, states[-1]["step"]), (0, "done"), states)
        self.assertEqual(send(old, plain_mail("before-1")).stage, "stored")
        was = centre.alarmwire("box", "show", "site-1")
        ticket = centre.alarmwire("box", "replace", "site-1", "--approve", "manual")
        self.assertEqual(send(old, plain_mail("before-2")).stage, "stored")
        enrolling = new.start_enrolling(ticket["text"])
        self.addCleanup(enrolling.kill)
        waiting = wait_for("the new box to wait", lambda: centre.alarmwire(
            "box", "show", "site-1").get("replacement"))
        self.assertEqual(waiting["state"], "pending")
        at_box = wait_for("the words at the new box", lambda: ask(new.edge_socket, "enrolment")["words"])
        self.assertEqual(waiting["words"], at_box)
        self.assertEqual(send(old, plain_mail("before-3")).stage, "stored", "the old one goes on")
        centre.alarmwire("box", "approve", "site-1")
        out, _ = enrolling.communicate(timeout=60)
        self.assertEqual(enrolling.returncode, 0, out)
        after = wait_for("the new box in its place", lambda: (
            lambda box: box if box["public_key"] != was["public_key"] else None)(
                centre.alarmwire("box", "show", "site-1")))
        self.assertEqual(after["name"], "Werk")
        self.assertEqual(after["words"], at_box)
        self.assertNotIn("replacement", after)
        wait_for("the old box to lose its link", lambda: not world.link_is_up(old), 30)
        keys = [p["public_key"] for p in ask(centre.tunnel_socket, "status")["peers"]]
        self.assertNotIn(was["public_key"], keys)
        self.assertEqual(send(old, plain_mail("old-1")).stage, "spooled")
        self.assertEqual(send(new, plain_mail("after-1")).stage, "stored")
        self.assertEqual([b["id"] for b in centre.alarmwire("box", "list")["boxes"]], ["site-1"])
        self.assert_none_missing(
            centre.mailbox.wait_for(["before-1", "before-2", "before-3", "after-1"], 30))
        # The site's addresses at EBÜS are the new box's: nothing there has to be changed.
        senders = {centre.mailbox.find(m)[0].recipients[0] for m in ("before-1", "after-1")}
        self.assertEqual(len(senders), 1, senders)
        self.assertIn("box replaced", centre.alarmwire("audit", "list", json_output=False))


if __name__ == "__main__":
    main()
