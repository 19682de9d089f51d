#!/usr/bin/python3
"""A copied disk: two machines with one box's key are told as a fault, with both addresses."""

import shutil

from harness.case import EndToEnd, main
from harness.faults import wait_for_faults
from harness.mails import plain_mail, send
from harness.process import GID, UID_TUNNEL
from harness.world import World, wait_for


class ClonedBox(EndToEnd):
    def test_two_boxes_with_one_key_are_told_with_both_addresses(self):
        world = World(boxes=2, by_ticket=True).__enter__()
        self.addCleanup(world.__exit__, None, None, None)
        box, copy = world.boxes
        centre = world.centre
        wait_for("the tunnel at the centre", lambda: centre.status()["tunnel"]["reachable"])
        text = wait_for("a ticket", lambda: centre.ticket("site-1"))["text"]
        code, states = box.enrol(text)
        self.assertEqual((code, states[-1]["step"]), (0, "done"), states)
        for program in (copy.edge, copy.tunnel):
            program.stop()
        shutil.copy(box.folder / "tunnel/identity.json", copy.folder / "tunnel/identity.json")
        shutil.chown(copy.folder / "tunnel/identity.json", UID_TUNNEL, GID)
        copy.start()
        found = wait_for_faults(centre.mailbox, "box-cloned", within_s=150)
        self.assertTrue(found, "no fault")
        for address in (box.addresses[0], copy.addresses[0]):
            self.assertIn(address, found[0].reason)
        self.say(found[0].reason)
        self.assertEqual(len(found), 1, "one fault, not one for each sign")
        # The copy is switched off; what the box had taken meanwhile is delivered.
        reply = send(box, plain_mail("while-1"))
        self.assertEqual(reply.code, 250, reply)
        for program in (copy.edge, copy.tunnel):
            program.stop()
        box.wait_for_link(60)
        self.assert_none_missing(centre.mailbox.wait_for(["while-1"], 60))


if __name__ == "__main__":
    main()
