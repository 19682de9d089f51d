#!/usr/bin/python3
"""A large mail under way on a slow line: the link lives, and a fresh alarm passes it. Prints the
times."""

import statistics
import threading
import time

from harness.case import EndToEnd, main
from harness.mails import plain_mail, send
from harness.slow_line import SlowLine
from harness.world import World, wait_for

ALARMS = 5
ALARM_EVERY_S = 4
PACKED = 0.76  # what the link makes of a mail
ALARM_WITHIN_S = 2.5  # behind all the centre grants to large mails it would be over 4 at 32 kB/s


class SlowLineDays(EndToEnd):
    def passes_on(self, bytes_per_s, delay_s, mail_bytes):
        line = SlowLine(bytes_per_s, delay_s)
        self.addCleanup(line.close)
        with World(prepare=line.lay) as world:
            box, mailbox = world.box, world.centre.mailbox
            large = threading.Thread(target=send, args=(
                box, plain_mail("large", size_bytes=mail_bytes)))
            large.start()
            began = time.monotonic()
            wait_for("the large mail to be under way",
                     lambda: line.to_centre.longest_wait_s > 0.2, 30)
            times = [self.alarm(world, number) for number in range(ALARMS)]
            self.assertEqual(mailbox.find("large"), [], "too small to be in anybody's way")
            large.join()
            self.assert_none_missing(
                mailbox.wait_for(["large"], 2 * mail_bytes / bytes_per_s + 20))
            took_s = time.monotonic() - began
            link = box.status()["link"]
            self.say(f"{bytes_per_s // 1000} kB/s, {2 * delay_s:.2f} s there and back: "
                     f"{mail_bytes >> 10} KiB in {took_s:.0f} s "
                     f"({PACKED * mail_bytes / took_s / bytes_per_s:.0%} of the line); alarms "
                     f"meanwhile at EBÜS after {', '.join(f'{t:.2f}' for t in times)} s; the "
                     f"line's queue was at most {line.to_centre.longest_wait_s:.1f} s, "
                     f"{line.to_centre.dropped} datagrams were dropped")
            self.assertEqual(link["reconnects"], 0, f"the link broke: {link['last_error']}")
            self.assertLess(statistics.median(times), ALARM_WITHIN_S)

    def alarm(self, world, number):
        """Seconds from the device's connect to EBÜS."""
        began = time.monotonic()
        reply = send(world.box, plain_mail(f"alarm-{number}"), device=1)
        self.assertTrue(reply.accepted, reply)
        self.assert_none_missing(world.centre.mailbox.wait_for([f"alarm-{number}"], 30))
        took_s = world.centre.mailbox.find(f"alarm-{number}")[0].facts["received_us"] / 1e6 - (
            reply.at - reply.seconds)
        time.sleep(max(0, ALARM_EVERY_S - (time.monotonic() - began)))
        return took_s

    def test_32_kb_per_s(self):
        self.passes_on(32_000, 0.02, 1400 * 1024)

    def test_64_kb_per_s_and_a_long_way(self):
        self.passes_on(64_000, 0.3, 2800 * 1024)


if __name__ == "__main__":
    main()
