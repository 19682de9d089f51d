"""The door beside Postfix's and Exim's: the same devices, the same mails, each server alone under
load, each durable before it answers. README.md says what each figure means."""

import os
import pathlib
import resource
import ssl
import time

from harness import net
from harness.mails import plain_mail, send
from harness.process import UID_EDGE
from harness.world import World, wait_for

from chain import holding_door
from exim import PROGRAM as EXIM, Exim
from measure import Loader, Tap, percentile, sync_ms

PORTS = {"ours": 2540, "postfix": 2541, "exim": 2542}
ADDRESSES = 64  # of the LAN; more devices share them
DEVICES = (1, 16, 64, 256)
SIZES = {"1k": 1024, "100k": 100 * 1024}
MODES = ("clear", "tls")
IDLE_SESSIONS = {"ours": 5000, "postfix": 200, "exim": 200}
DESCRIPTORS = 20_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def processes_of(pid):
    """A process and all below it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while True:
        more = {each for each, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def cpu_s(pid):
    """Time the processor gave to a server: all its processes, those that have ended too."""
    ticks = 0
    for each in processes_of(pid):
        try:
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])  # utime, stime, and of waited-for ones
    return ticks / TICKS_PER_S


def memory_kib(pid):
    total = 0
    for each in processes_of(pid):
        try:
            text = pathlib.Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total


class Sessions:
    """Devices that have said EHLO, in clear or inside TLS, and now think."""

    def __init__(self, box, port, mode):
        self.box, self.port, self.mode, self.open = box, port, mode, []
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    def add(self, count):
        for number in range(count):
            made = self.box.lan.socket()
            made.settimeout(30)
            made.bind((self.box.device_address(number % ADDRESSES), 0))
            made.connect((self.box.lan_address, self.port))
            self.open.append(made)
            self.hear(made)
            self.say(made, b"EHLO camera\r\n")
            if self.mode == "tls":
                self.say(made, b"STARTTLS\r\n")
                made = self.open[-1] = self.tls.wrap_socket(made)
                self.say(made, b"EHLO camera\r\n")

    @staticmethod
    def hear(made):
        heard = b""
        while not heard.endswith(b"\n") or heard.splitlines()[-1][3:4] == b"-":
            more = made.recv(4096)
            if not more:
                raise RuntimeError(f"the server hung up: {heard!r}")
            heard += more

    def say(self, made, words):
        made.sendall(words)
        self.hear(made)

    def close(self):
        for made in self.open:
            made.close()


class Ours:
    def __init__(self, box):
        self.box, self.pid = box, box.edge.pid

    def begin_anew(self):
        self.box.edge.restart()
        self.box.wait_for_door()
        self.pid = self.box.edge.pid

    def queued(self):
        return self.box.status()["spool"]["waiting_records"]

    def stop(self):
        pass


class PostfixDoor:
    def __init__(self, world, certificate, key):
        self.postfix = holding_door(world, PORTS["postfix"], more={
            "default_process_limit": 600, "smtpd_client_connection_count_limit": 0,
            "smtpd_client_message_rate_limit": 0, "in_flow_delay": "0s",
            "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": certificate,
            "smtpd_tls_key_file": key})
        self.postfix.start()
        self.find_master()

    def find_master(self):
        self.pid = int((self.postfix.folder / "queue/pid/master.pid").read_text())

    def begin_anew(self):
        self.postfix.restart()
        self.find_master()

    def queued(self):
        return sum(1 for each in (self.postfix.folder / "queue/hold").rglob("*") if each.is_file())

    def stop(self):
        self.postfix.stop()


class Door:
    def __init__(self, bench):
        self.bench, self.figures, self.quick = bench, bench.figures, bench.quick
        self.seconds = 1.0 if bench.quick else 4.0
        self.accepted = dict.fromkeys(PORTS, 0)

    def prepare(self, world):
        box = world.box
        self.certificate, self.key = self.make_certificate(world)
        box.listeners.append({"name": "bench", "address": box.lan_address, "port": PORTS["ours"],
                              "reply": "store-and-forward"})
        box.spool_options = {"quota": "16GiB"}
        box.more_sections += [
            ("[smtp.tls]", {"certificate_file": str(self.certificate),
                            "key_file": str(self.key)}),
            ("[smtp.limits]", {"sessions": 10_000, "sessions_per_device": 1000})]
        box.edge.prepare = f"ulimit -n {DESCRIPTORS}"

    @staticmethod
    def make_certificate(world):
        """One for all three: the same work in every handshake."""
        folder = world.folder / "bench-tls"
        folder.mkdir()
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        net.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-subj", "/CN=edge.internal", "-days", "30", "-out", str(certificate),
                "-keyout", str(key))
        for path in (certificate, key):
            path.chmod(0o644)
        os.chown(key, UID_EDGE, -1)
        return certificate, key

    def play(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        with World(devices=ADDRESSES, prepare=self.prepare) as world:
            self.loader = Loader(world, self.bench.tools, Tap(world.centre.folder / "tap.txt"))
            self.world = world
            world.box.cut_cable()
            send(world.box, plain_mail("wake-up"))  # the link is known to be down from here on
            servers = self.start(world)
            try:
                self.warm_up()
                for who, server in servers.items():
                    self.latency(who)
                for mode in MODES:
                    for label, size in SIZES.items():
                        for devices in DEVICES:
                            for who, server in servers.items():
                                self.rate(who, server, mode, label, size, devices)
                for who, server in servers.items():
                    for mode in MODES:
                        self.idle_sessions(who, server, mode)
                    if server.queued() < self.accepted[who]:
                        raise RuntimeError(f"{who} does not hold all that it answered 250")
            finally:
                for server in servers.values():
                    server.stop()
        self.judge(servers)

    def start(self, world):
        exim = Exim(world, PORTS["exim"], self.certificate, self.key) if EXIM.exists() else None
        if exim is None:
            print("  Exim is not here (./dev bench fetches it): only Postfix stands beside")
        servers = {"ours": Ours(world.box),
                   "postfix": PostfixDoor(world, self.certificate, self.key)}
        if exim is not None:
            exim.start()
            servers["exim"] = exim
        return servers

    def warm_up(self):
        for who in self.servers_now():
            wait_for(f"{who}'s door", lambda: self.run(who, "tls", 1, 4, 1024))

    def servers_now(self):
        return [who for who in PORTS if who != "exim" or EXIM.exists()]

    def run(self, who, mode, devices, mails, size, keep=True, pause_us=0):
        samples = self.loader.run(devices, mails, size, keep=keep, port=PORTS[who],
                                  pause_us=pause_us, tls=mode == "tls", addresses=ADDRESSES)
        self.accepted[who] += len(samples)
        return samples

    # --- the figures -----------------------------------------------------------------------

    def latency(self, who):
        """An idle box, one camera: connects, (shakes hands,) mails, hangs up."""
        if who == "ours":
            self.figures.put("door.machine.sync_1k.p99_ms", sync_ms(self.world.folder, 300, 0.99), "ms")
        for mode in MODES:
            self.bench.quiet.wait()
            samples = self.run(who, mode, 1, 60 if self.quick else 500, 1024, keep=False,
                               pause_us=5000)
            times = [(reply - begin) / 1000 for _, begin, reply, _ in samples]
            for share in (0.5, 0.99):
                self.figures.put(f"door.{who}.connect_to_reply.1k.{mode}.p{int(share * 100)}_ms",
                                 percentile(times, share), "ms")

    def rate(self, who, server, mode, label, size, devices):
        """As many mails as take some seconds, by a small run before."""
        self.bench.quiet.wait()
        per_s = self.per_second(self.run(who, mode, devices, devices * 4 + 16, size))
        mails = max(devices * 2, int(per_s * self.seconds))
        before = cpu_s(server.pid)
        samples = self.run(who, mode, devices, mails, size)
        self.figures.put(f"door.{who}.rate.{label}.{mode}.devices_{devices}_per_s",
                         self.per_second(samples), "mails/s")
        self.figures.put(f"door.{who}.cpu.{label}.{mode}.devices_{devices}_us_per_mail",
                         (cpu_s(server.pid) - before) * 1e6 / len(samples), "us")

    @staticmethod
    def per_second(samples):
        return len(samples) / ((max(s[2] for s in samples) - min(s[1] for s in samples)) / 1e6)

    def idle_sessions(self, who, server, mode):
        """What one more session takes, kernel left out. The others make a process for each, and
        so get fewer of them."""
        count = IDLE_SESSIONS[who] // (10 if self.quick else 1)
        server.begin_anew()  # what earlier sessions left behind would be used again, unseen
        sessions = Sessions(self.world.box, PORTS[who], mode)
        try:
            sessions.add(8)  # what is made once is not a session's
            time.sleep(1)
            before = memory_kib(server.pid)
            sessions.add(count)
            time.sleep(1)
            self.figures.put(f"door.{who}.session.{mode}_kib",
                             (memory_kib(server.pid) - before) / count, "KiB")
        finally:
            sessions.close()
            time.sleep(2)

    # --- the bars --------------------------------------------------------------------------

    def judge(self, servers):
        value, others = self.figures.values.get, [who for who in servers if who != "ours"]
        ratios, cpu = {}, {}
        for mode in MODES:
            for label in SIZES:
                for devices in DEVICES:
                    cell = f"{label}.{mode}.devices_{devices}"
                    ratios[cell] = value(f"door.ours.rate.{cell}_per_s") / max(
                        value(f"door.{who}.rate.{cell}_per_s") for who in others)
                    cpu[cell] = value(f"door.ours.cpu.{cell}_us_per_mail") / min(
                        value(f"door.{who}.cpu.{cell}_us_per_mail") for who in others)
        for cell, ratio in ratios.items():
            self.figures.put(f"door.ratio.rate.{cell}", ratio)
        worst = min(ratios, key=ratios.get)
        dearest = max(cpu, key=cpu.get)
        self.figures.put("door.ratio.rate.worst", ratios[worst])
        self.figures.put("door.ratio.cpu.worst", cpu[dearest])
        bar = self.figures.bar
        bar(f"door: at least twice the better of the others everywhere (worst: {worst})",
            ratios[worst] >= 2)
        bar(f"door: less CPU per mail than either everywhere (worst: {dearest})", cpu[dearest] < 1)
        bar("door: connect to 250 on an idle box, p99: one fsync and 2 ms",
            value("door.ours.connect_to_reply.1k.clear.p99_ms")
            <= value("door.machine.sync_1k.p99_ms") + 2)
        for mode in MODES:
            bar(f"door: an idle session, {mode}: at most 40 KiB",
                value(f"door.ours.session.{mode}_kib") <= 40)


def play(bench):
    print("\nthe door beside Postfix and Exim, each alone under load")
    Door(bench).play()
