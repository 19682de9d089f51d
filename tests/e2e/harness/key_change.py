"""What the tests of a change of a box's key share."""

import json

from .case import EndToEnd
from .world import World, ask, wait_for


class KeyChange(EndToEnd):
    """One box by ticket, and what both sides say of its key."""

    def enrolled(self):
        self.world = World(boxes=1, by_ticket=True).__enter__()
        self.addCleanup(self.world.__exit__, None, None, None)
        self.box, self.centre = self.world.box, self.world.centre
        wait_for("the tunnel at the centre",
                 lambda: self.centre.status()["tunnel"]["reachable"])
        text = wait_for("a ticket", lambda: self.centre.ticket("site-1"))["text"]
        code, states = self.box.enrol(text)
        self.assertEqual((code, states[-1]["step"]), (0, "done"), states)

    def shown(self):
        return self.centre.alarmwire("box", "show", "site-1")

    def rotate(self):
        return self.centre.alarmwire("box", "rotate", "site-1")

    def identity(self):
        return json.loads((self.box.folder / "tunnel/identity.json").read_text())

    def wait_changed(self, before, within_s=60):
        wait_for("the new key at the centre",
                 lambda: self.shown()["public_key"] != before and not self.shown().get("key_change"),
                 within_s)
        wait_for("the link over the new key", lambda: self.world.link_is_up(self.box), within_s)
        return self.shown()

    def peers(self):
        return {p["box"]: p for p in ask(self.centre.tunnel_socket, "status")["peers"]}

    def ranges(self):
        """Epochs at the centre, by the box: they are its identity in the book."""
        return self.centre.alarmwire("box", "list")["boxes"]
