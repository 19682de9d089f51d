"""A narrow, long way between a box and its centre: what a site behind a slow uplink has.

    line = SlowLine(bytes_per_s=32_000, delay_s=0.15)
    with World(prepare=line.lay) as world: …

Datagrams go through at a rate, after a delay (each way), and wait in a queue that drops what comes
when it is full. The kernel's netem would do as well, but not every kernel has it."""

import collections
import contextlib
import dataclasses
import select
import socket
import threading
import time

from .world import CENTRE_ADDRESS

HERE = ("198.51.100.1", 51821)  # the WAN's side of the centre's cable
CENTRE = (CENTRE_ADDRESS, 51820)
PACKET_OVERHEAD_BYTES = 28  # IPv4 and UDP
# What cheap routers have, and more than a sender should ever put into it: seconds of the line.
QUEUE_BYTES = 256 * 1024


@dataclasses.dataclass
class Direction:
    bytes_per_s: int
    delay_s: float
    queue_bytes: int
    under_way: collections.deque = dataclasses.field(default_factory=collections.deque)
    free_at: float = 0.0  # when the line has carried all it was given
    dropped: int = 0
    longest_wait_s: float = 0.0

    def take(self, datagram, now):
        wait_s = max(0.0, self.free_at - now)
        if wait_s * self.bytes_per_s > self.queue_bytes:
            self.dropped += 1
            return
        self.longest_wait_s = max(self.longest_wait_s, wait_s)
        self.free_at = now + wait_s + (len(datagram) + PACKET_OVERHEAD_BYTES) / self.bytes_per_s
        self.under_way.append((self.free_at + self.delay_s, datagram))

    def due(self, now):
        while self.under_way and self.under_way[0][0] <= now:
            yield self.under_way.popleft()[1]


class SlowLine:
    def __init__(self, bytes_per_s, delay_s=0.0, queue_bytes=QUEUE_BYTES):
        self.to_centre = Direction(bytes_per_s, delay_s, queue_bytes)
        self.to_box = Direction(bytes_per_s, delay_s, queue_bytes)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def lay(self, world):
        """For World(prepare=…): the box finds its centre behind this line."""
        self._socket = world.wan.socket(kind=socket.SOCK_DGRAM)
        self._socket.bind(HERE)
        self._socket.setblocking(False)
        world.endpoints = ["%s:%d" % HERE]
        self._thread.start()

    def close(self):
        self._stopped.set()
        self._thread.join()
        self._socket.close()

    def _run(self):
        box = None
        while not self._stopped.is_set():
            heads = [way.under_way[0][0] for way in (self.to_centre, self.to_box) if way.under_way]
            patience_s = min([0.2, *(max(0.0, head - time.monotonic()) for head in heads)])
            select.select([self._socket], [], [], patience_s)
            with contextlib.suppress(BlockingIOError):
                while True:
                    datagram, sender = self._socket.recvfrom(65536)
                    if sender == CENTRE:
                        self.to_box.take(datagram, time.monotonic())
                    else:
                        box = sender
                        self.to_centre.take(datagram, time.monotonic())
            for way, receiver in ((self.to_centre, CENTRE), (self.to_box, box)):
                for datagram in way.due(time.monotonic()):
                    with contextlib.suppress(OSError):
                        self._socket.sendto(datagram, receiver)
