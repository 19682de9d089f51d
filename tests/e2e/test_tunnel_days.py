#!/usr/bin/python3
"""The way to the centre breaks in every fashion; traffic is back by itself. Prints the times."""

import time

from harness.case import EndToEnd, main
from harness.mails import Load, plain_mail, send
from harness.world import World, wait_for


class TunnelDays(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.centre = cls.world.box, cls.world.centre

    def setUp(self):
        self.name = self._testMethodName.removeprefix("test_")
        self.box.wait_for_link(60)

    def arrival_after_mending(self, within_s):
        """Sends one mail during the trouble is over; seconds until it is at EBÜS."""
        began = time.monotonic()
        reply = send(self.box, plain_mail(f"{self.name}-end"))
        self.assertTrue(reply.accepted, reply)
        missing = self.centre.mailbox.wait_for([f"{self.name}-end"], within_s)
        self.assert_none_missing(missing)
        return time.monotonic() - began

    def spool_during(self, trouble, mend, trouble_s, within_s):
        trouble()
        try:
            end = time.monotonic() + trouble_s
            first = send(self.box, plain_mail(f"{self.name}-first"))
            second = send(self.box, plain_mail(f"{self.name}-second"))
            self.assertEqual((first.code, second.code), (250, 250))
            self.assertEqual((first.stage, second.stage), ("spooled", "spooled"))
            self.assertLess(second.seconds, 1.5, "a device was kept waiting while the link is down")
            time.sleep(max(0, end - time.monotonic()))
        finally:
            mend()
        began = time.monotonic()
        missing = self.centre.mailbox.wait_for(
            [f"{self.name}-first", f"{self.name}-second"], within_s)
        self.assert_none_missing(missing)
        self.say(f"{self.name}: at EBÜS {time.monotonic() - began:.2f} s after the way was back")

    def test_black_hole_of_30_s(self):
        self.spool_during(self.world.black_hole, self.world.end_black_hole, 30, 15)

    def test_cable_out_for_5_s(self):
        self.spool_during(self.box.cut_cable, self.box.mend_cable, 5, 15)

    def test_centre_restarted(self):
        self.centre.receiver.kill()
        self.centre.tunnel.kill()
        self.centre.tunnel.start()
        self.centre.receiver.start()
        self.say(f"{self.name}: at EBÜS after {self.arrival_after_mending(15):.2f} s")

    def test_box_restarted(self):
        self.box.edge.kill()
        self.box.tunnel.kill()
        self.box.tunnel.start()
        self.box.edge.start()
        self.box.wait_for_door()
        self.say(f"{self.name}: at EBÜS after {self.arrival_after_mending(15):.2f} s")

    def test_address_of_the_box_changed(self):
        self.box.change_address()
        self.say(f"{self.name}: at EBÜS after {self.arrival_after_mending(20):.2f} s")

    def test_wireguard_go_killed_on_the_box(self):
        self.kill_wireguard_go(self.box.tunnel)

    def test_wireguard_go_killed_at_the_centre(self):
        self.kill_wireguard_go(self.centre.tunnel)

    def kill_wireguard_go(self, tunnel):
        children = tunnel.children()
        if not children:
            self.skipTest("kernel backend: there is no wireguard-go to kill")
        self.world.kill_child(tunnel, children[0])
        self.say(f"{self.name}: at EBÜS after {self.arrival_after_mending(20):.2f} s")
        wait_for("another wireguard-go", tunnel.children)

    def test_silence_is_noticed_by_the_centre_within_20_s(self):
        began = time.monotonic()
        self.world.black_hole()
        try:
            fault = self.centre.mailbox.wait_until(self.is_new_fault(began), 25)
            noticed = time.monotonic() - began
        finally:
            self.world.end_black_hole()
        self.assertIsNotNone(fault, "no fault mail at EBÜS")
        self.assertLess(noticed, 21)
        self.say(f"silence noticed after {noticed:.1f} s")
        self.box.wait_for_link(30)

    def is_new_fault(self, began):
        start_us = (time.time() - (time.monotonic() - began)) * 1e6
        return lambda mail: (not mail.test_id and mail.facts["received_us"] > start_us
                             and b"silent" in mail.content.lower())

    def test_load_through_a_stuttering_line_loses_nothing(self):
        load = Load(self.box, devices=3, mails_per_device=150, prefix=self.name,
                    pause_s=0.02).start()
        for _ in range(4):
            time.sleep(1)
            self.world.black_hole()
            time.sleep(0.7)
            self.world.end_black_hole()
        load.join()
        missing = self.centre.mailbox.wait_for([r.test_id for r in load.replies], 60)
        self.assert_none_missing(missing)
        self.assertEqual(len(load.replies), 450)


if __name__ == "__main__":
    main()
