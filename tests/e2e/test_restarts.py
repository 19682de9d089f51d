#!/usr/bin/python3
"""Parts of box and centre end and begin anew, alone or together, also while the way is in trouble;
traffic is back by itself. Prints the times."""

from harness.case import main
from harness.days import BadDays
from harness.world import wait_for


class Restarts(BadDays):
    def test_centre_restarted(self):
        self.centre.receiver.kill()
        self.centre.tunnel.kill()
        self.centre.tunnel.start()
        self.centre.receiver.start()
        self.send_after_the_trouble(15)

    def test_box_restarted(self):
        self.box.edge.kill()
        self.box.tunnel.kill()
        self.box.tunnel.start()
        self.start_edge()
        self.send_after_the_trouble(15)

    def start_edge(self):
        self.box.edge.start()
        self.box.wait_for_door()

    def test_edge_restarted_alone_while_the_tunnel_is_a_black_hole(self):
        self.world.black_hole()
        try:
            before = self.accept("before")
            self.box.edge.stop()
            self.start_edge()
            meanwhile = self.accept("meanwhile")
            self.assertEqual((before.stage, meanwhile.stage), ("spooled", "spooled"))
        finally:
            self.world.end_black_hole()
        self.say(f"{self.name}: what was accepted before and after the restart is at EBÜS "
                 f"{self.arrive([before, meanwhile], 20):.2f} s after the way was back")

    def test_edge_killed_while_the_tunnel_is_a_black_hole(self):
        self.world.black_hole()
        try:
            before = self.accept("before")
            self.box.edge.kill()
            self.start_edge()
        finally:
            self.world.end_black_hole()
        self.say(f"{self.name}: at EBÜS {self.arrive([before], 20):.2f} s after the way was back")

    def test_edge_restarted_alone_while_the_address_of_the_box_changes(self):
        self.box.edge.stop()
        self.box.change_address()
        self.start_edge()
        self.send_after_the_trouble(20)

    def test_address_of_the_box_changes_while_the_edge_starts(self):
        self.box.edge.kill()
        self.box.edge.start()
        self.box.change_address()
        self.box.wait_for_door()
        self.send_after_the_trouble(20)

    def test_wireguard_go_killed_on_the_box(self):
        self.kill_wireguard_go(self.box.tunnel)

    def test_wireguard_go_killed_at_the_centre(self):
        self.kill_wireguard_go(self.centre.tunnel)

    def kill_wireguard_go(self, tunnel):
        children = tunnel.children()
        if not children:
            self.skipTest("kernel backend: there is no wireguard-go to kill")
        self.world.kill_child(tunnel, children[0])
        self.send_after_the_trouble(20)
        wait_for("another wireguard-go", tunnel.children)


if __name__ == "__main__":
    main()
