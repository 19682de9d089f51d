"""Running loads, reading what load and tap noted, and figures of the machine itself."""

import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

BUSY_MAX = 0.12  # share of both cores, waiting for I/O included


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def busy_share(seconds=1.0):
    def read():
        fields = [int(f) for f in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return sum(fields), fields[3]

    total, idle = read()
    time.sleep(seconds)
    total_then, idle_then = read()
    return 1 - (idle_then - idle) / max(1, total_then - total)


class Quiet:
    """Waits for a quiet machine; remembers how quiet it was when the waiting ended."""

    def __init__(self, patience_s):
        self.patience_s = patience_s
        self.worst = 0.0

    def wait(self):
        end = time.monotonic() + self.patience_s
        while True:
            share = busy_share()
            if share <= BUSY_MAX or time.monotonic() > end:
                self.worst = max(self.worst, share)
                return


class Tap:
    """The tap's file: id → when its final dot reached the sink."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def times(self):
        found = {}
        for line in self.path.read_text().splitlines():
            number, _, at = line.partition(" ")
            if at and number != "-1":
                found.setdefault(int(number), int(at))
        return found


class Loader:
    """bench_load inside the LAN; ids are never used twice in a run."""

    def __init__(self, world, tools, tap):
        self.world, self.tools, self.tap = world, tools, tap
        self.next_id = 1

    def run(self, devices, mails, size, keep, port=25, pause_us=0, patience_s=300, tls=False,
            addresses=0):
        first, self.next_id = self.next_id, self.next_id + mails
        output = self.world.folder / f"load-{first}.txt"
        box = self.world.box
        subprocess.run(
            ["ip", "netns", "exec", box.lan.name, str(self.tools / "bench_load"),
             box.lan_address, str(port), str(devices), str(mails), str(size),
             "keep" if keep else "connect", str(first), str(output),
             box.device_address(0), str(pause_us), "starttls" if tls else "clear", str(addresses)],
            check=True, timeout=patience_s, stdin=subprocess.DEVNULL)
        samples = []
        for line in output.read_text().splitlines():
            number, begin, reply, text = line.split(" ", 3)
            samples.append((int(number), int(begin), int(reply), text))
        refused = [s for s in samples if not s[3].startswith("250")]
        if len(refused) > mails // 100:
            raise RuntimeError(f"{len(refused)} of {mails} mails were refused: {refused[0][3]}")
        return [s for s in samples if s[3].startswith("250")]

    def arrivals(self, samples, patience_s=300):
        """Waits until all of them are at the sink; id → time."""
        wanted = {s[0] for s in samples}
        end = time.monotonic() + patience_s
        while True:
            times = self.tap.times()
            missing = wanted - times.keys()
            if not missing:
                return times
            if time.monotonic() > end:
                raise RuntimeError(f"{len(missing)} mails never reached the sink")
            time.sleep(0.2)

    def latency(self, mails, size, pause_us=5000):
        """One device, one mail at a time, a connection for each, as cameras do. Milliseconds."""
        samples = self.run(1, mails, size, keep=False, pause_us=pause_us)
        times = self.arrivals(samples)
        to_sink = [(times[n] - begin) / 1000 for n, begin, _, _ in samples]
        to_reply = [(reply - begin) / 1000 for _, begin, reply, _ in samples]
        return to_sink, to_reply

    def throughput(self, devices, mails, size):
        """Devices on kept connections; mails per second from the first word to the last arrival,
        and to the last reply."""
        samples = self.run(devices, mails, size, keep=True)
        times = self.arrivals(samples)
        begin = min(s[1] for s in samples)
        end = max(times[s[0]] for s in samples)
        replied = max(s[2] for s in samples)
        return len(samples) / ((end - begin) / 1e6), len(samples) / ((replied - begin) / 1e6)


def sync_ms(folder, rounds=200, share=0.5):
    """Of appending 1 KiB and fdatasync, on the file system the spool is on; p50 unless told."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(rounds):
            began = time.perf_counter()
            os.write(file.fileno(), b"x" * 1024)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return percentile(times, share)


def connect_ms(namespace, address, port, rounds=50):
    """p50 of a TCP connect: one round trip."""
    times = []
    for _ in range(rounds):
        made = namespace.socket(socket.AF_INET6)
        made.settimeout(5)
        began = time.perf_counter()
        made.connect((address, port))
        times.append((time.perf_counter() - began) * 1000)
        made.close()
        time.sleep(0.02)
    return percentile(times, 0.5)


def tunnel_mib_per_s(box_netns, centre_netns, address, port, seconds=3):
    """What one plain TCP stream carries through the tunnel: the ceiling for large mails."""
    listener = centre_netns.socket(socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # asked once a round
    listener.bind((address, port))
    listener.listen(1)
    sender = box_netns.socket(socket.AF_INET6)
    sender.settimeout(10)
    sender.connect((address, port))
    taken, _ = listener.accept()
    end = time.monotonic() + seconds

    def pour():
        block = bytes(256 * 1024)
        while time.monotonic() < end:
            sender.sendall(block)
        sender.shutdown(socket.SHUT_WR)

    pouring = threading.Thread(target=pour)
    began = time.monotonic()
    pouring.start()
    got, buffer = 0, bytearray(256 * 1024)
    while count := taken.recv_into(buffer):
        got += count
    took = time.monotonic() - began
    pouring.join()
    for made in (taken, sender, listener):
        made.close()
    return got / took / (1 << 20)
