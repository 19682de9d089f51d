#!/usr/bin/python3
"""The way to the centre breaks in every fashion; traffic is back by itself. Prints the times."""

import time

from harness.case import main
from harness.days import BadDays
from harness.mails import Load

KEPT_WAITING_MAX_S = 1.5  # a device, while the link is known to be down


class TunnelDays(BadDays):
    def spool_during(self, trouble, mend, trouble_s, within_s):
        trouble()
        try:
            end = time.monotonic() + trouble_s
            first, second = self.accept("first"), self.accept("second")
            self.assertEqual((first.stage, second.stage), ("spooled", "spooled"))
            self.assertLess(second.seconds, KEPT_WAITING_MAX_S)
            time.sleep(max(0, end - time.monotonic()))
        finally:
            mend()
        back_s = self.arrive([first, second], within_s)
        self.say(f"{self.name}: the first mail was answered after {first.seconds:.2f} s, the next "
                 f"after {second.seconds:.2f} s; both at EBÜS {back_s:.2f} s after the way was back")

    def test_black_hole_of_30_s(self):
        self.spool_during(self.world.black_hole, self.world.end_black_hole, 30, 15)

    def test_cable_out_for_5_s(self):
        self.spool_during(self.box.cut_cable, self.box.mend_cable, 5, 15)

    def test_address_of_the_box_changed(self):
        self.box.change_address()
        self.send_after_the_trouble(20)

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
        self.arrive(load.replies, 60)
        self.assertEqual(len(load.replies), 450)


if __name__ == "__main__":
    main()
