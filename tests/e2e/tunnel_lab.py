"""Two machines and the Internet between them, as network namespaces with names of their own.

    box ── veth ── wan (router) ── veth ── centre

Every veth has both ends inside these namespaces; all is removed by close(), also after a failure.
Each daemon runs in a mount namespace with its own /run/wireguard, /etc/hosts and /dev/net/tun, so that
nothing on the machine is touched. Needs root.
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

BOX_IPS = ["10.93.1.2", "10.93.1.77"]
WAN_BOX_IP = "10.93.1.1"
WAN_CENTRE_IP = "10.93.2.1"
CENTRE_IP = "10.93.2.2"
PORT = 51820
PREFIX = "fd5a:1c3e:77b0::/48"
CLONE_NEWNET = 0x40000000
SKIPPED = 77  # ctest: SKIP_RETURN_CODE


def skip_unless_possible():
    for tool in ("/usr/bin/wireguard-go", "/usr/sbin/nft", "/usr/bin/tcpdump", "/dev/net/tun"):
        if not os.path.exists(tool):
            print(f"SKIPPED, LOUDLY: {tool} is missing; nothing about the tunnel was proved here")
            raise SystemExit(SKIPPED)
    if os.geteuid() != 0:
        print("SKIPPED, LOUDLY: needs root; nothing about the tunnel was proved here")
        raise SystemExit(SKIPPED)


def run(*command, check=True):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}: {done.stdout}")
    return done.stdout


def control(path, request, timeout=5):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(timeout)
        s.connect(path)
        s.sendall((json.dumps(request) + "\n").encode())
        answer = json.loads(s.makefile("r").readline())
    if not answer["ok"]:
        raise AssertionError(answer["error"])
    return answer["result"]


def wait_for(what, condition, limit_s=10.0, every_s=0.02):
    begun = time.monotonic()
    last = None
    while time.monotonic() - begun < limit_s:
        try:
            if condition():
                return time.monotonic() - begun
        except (OSError, AssertionError, ValueError) as error:
            last = error
        time.sleep(every_s)
    raise AssertionError(f"{what}: not within {limit_s} s ({last})")


def socket_inside(namespace, *arguments):
    """A socket that belongs to another network namespace: made by a thread that went there."""
    made = []

    def enter():
        with open(f"/run/netns/{namespace}") as f:
            if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) == 0:
                made.append(socket.socket(*arguments))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert made, f"cannot enter {namespace}"
    return made[0]


class Probe:
    """ICMPv6 echo; at most 16 a second, the tunnel's firewall lets 20 pass."""

    def __init__(self, namespace, target):
        self.socket = socket_inside(namespace, socket.AF_INET6, socket.SOCK_RAW,
                                    socket.IPPROTO_ICMPV6)
        self.target, self.number = target, 0

    def once(self, wait_s):
        self.number += 1
        end = time.monotonic() + wait_s
        try:
            self.socket.sendto(struct.pack("!BBHHH", 128, 0, 0, 0x4157, self.number),
                               (self.target, 0))
            while True:
                self.socket.settimeout(max(0.001, end - time.monotonic()))
                data = self.socket.recv(2048)
                kind, _, _, tag, _ = struct.unpack("!BBHHH", data[:8])
                if kind == 129 and tag == 0x4157:
                    return True
        except OSError:
            time.sleep(max(0.0, end - time.monotonic()))
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Daemon:
    """One alarmwire-tunnel in one namespace."""

    def __init__(self, lab, name, config, uid=0):
        self.lab, self.name, self.uid = lab, name, uid
        self.directory = os.path.join(lab.directory, name)
        self.config = os.path.join(self.directory, "tunnel.toml")
        self.socket = os.path.join(self.directory, "control.sock")
        self.log = os.path.join(self.directory, "log")
        self.hosts = os.path.join(self.directory, "hosts")
        self.private = os.path.join(self.directory, "private.key")
        self.write_config = config
        self.process = None

    def prepare(self):
        with open(self.config, "w") as f:
            f.write(self.write_config())
        if not os.path.exists(self.hosts):
            with open(self.hosts, "w") as f:
                f.write("127.0.0.1 localhost\n")
        for root, _, files in os.walk(self.directory):
            os.chown(root, self.uid, self.uid)
            for name in files:
                os.chown(os.path.join(root, name), self.uid, self.uid)

    def start(self, wait=True):
        self.prepare()
        become = ""
        if self.uid:
            become = (f"setpriv --reuid={self.uid} --regid={self.uid} --clear-groups --no-new-privs "
                      "--inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin "
                      "--bounding-set=-all,+net_admin ")
        script = (
            "set -e; mount -t tmpfs -o mode=0755 alarmwire-test /run; mkdir /run/wireguard; "
            f"chown {self.uid} /run/wireguard; chmod 0700 /run/wireguard; "
            f"mount --bind {self.hosts} /etc/hosts; "
            f"mkdir /run/dev; mknod /run/dev/tun c 10 200; chmod 0666 /run/dev/tun; "
            "mount --bind /run/dev/tun /dev/net/tun; "
            f"exec {become}{self.lab.program} --config {self.config}")
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.lab.ns(self.name), "unshare", "--mount", "sh", "-c", script],
            stdout=open(self.log, "a"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if wait:
            wait_for(f"{self.name} answers", lambda: self.status()["serving"])
        return time.monotonic() - self.begun

    def status(self):
        return control(self.socket, {"command": "status"})

    def peer(self):
        return self.status()["peers"][0]

    def stream(self, up):
        peer = "centre" if self.name == "box" else "site-a"
        return control(self.socket, {"command": "stream", "peer": peer, "up": up})

    def children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            return [int(p) for p in f.read().split()]

    def stop(self):
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=5)
        self.process = None
        return code, time.monotonic() - begun

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Lab:
    def __init__(self, program, endpoints=None, box_uid=0):
        self.program = program
        self.tag = f"awt{os.getpid()}"
        self.directory = tempfile.mkdtemp(prefix=self.tag)
        os.chmod(self.directory, 0o755)
        self.endpoints = endpoints or [f"{CENTRE_IP}:{PORT}"]
        self.box_interface = f"wgb{os.getpid() % 1000000}"
        self.centre_interface = f"wgc{os.getpid() % 1000000}"
        self.more_of_centre = ""  # lines of its [tunnel]
        self.keys = {}
        for name in ("box", "centre"):
            os.mkdir(os.path.join(self.directory, name))
            self.make_key(name)
        self.box = Daemon(self, "box", self.box_config, box_uid)
        self.centre = Daemon(self, "centre", self.centre_config)
        self.others = []

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            for daemon in (self.box, self.centre):
                if os.path.exists(daemon.log):
                    print(f"--- {daemon.name}:", open(daemon.log).read()[-6000:], sep="\n")
        self.close()

    def ns(self, name):
        return f"{self.tag}{name}"

    def inside(self, name, *command, check=True):
        return run("ip", "netns", "exec", self.ns(name), *command, check=check)

    def make_key(self, name):
        private = run("wg", "genkey").strip()
        public = subprocess.run(["wg", "pubkey"], input=private, capture_output=True,
                                text=True, check=True).stdout.strip()
        path = os.path.join(self.directory, name, "private.key")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(private + "\n")
        self.keys[name] = public

    def common_config(self, name, interface):
        d = os.path.join(self.directory, name)
        return (f'[other]\nignored = true\n[tunnel]\nprivate_key_file = "{d}/private.key"\n'
                f'prefix = "{PREFIX}"\ninterface = "{interface}"\nstate_directory = "{d}"\n'
                f'control_socket = "{d}/control.sock"\n')

    def box_config(self):
        places = ", ".join(f'"{e}"' for e in self.endpoints)
        return (self.common_config("box", self.box_interface) +
                f'[tunnel.centre]\npublic_key = "{self.keys["centre"]}"\nendpoints = [{places}]\n')

    def centre_config(self):
        return (self.common_config("centre", self.centre_interface) + f"listen_port = {PORT}\n" +
                self.more_of_centre +
                f'[[box]]\nid = "site-a"\npublic_key = "{self.keys["box"]}"\nname = "Site A"\n')

    def build(self):
        for name in ("box", "wan", "centre"):
            run("ip", "netns", "add", self.ns(name))
            self.inside(name, "ip", "link", "set", "lo", "up")
        for name, outer, inner, ip in (("box", WAN_BOX_IP, "up0", BOX_IPS[0]),
                                       ("centre", WAN_CENTRE_IP, "up0", CENTRE_IP)):
            run("ip", "-n", self.ns("wan"), "link", "add", f"to{name}", "type", "veth",
                "peer", "name", inner, "netns", self.ns(name))
            self.inside("wan", "ip", "addr", "add", f"{outer}/24", "dev", f"to{name}")
            self.inside("wan", "ip", "link", "set", f"to{name}", "up")
            self.inside(name, "ip", "addr", "add", f"{ip}/24", "dev", inner)
            self.inside(name, "ip", "link", "set", inner, "up")
            self.inside(name, "ip", "route", "add", "default", "via", outer)
            # An IPv6 way out, so that leaking would be possible.
            last = 1 if name == "box" else 2
            self.inside("wan", "ip", "addr", "add", f"2001:db8:{last}::1/64", "dev", f"to{name}",
                        "nodad")
            self.inside(name, "ip", "addr", "add", f"2001:db8:{last}::2/64", "dev", inner, "nodad")
            self.inside(name, "ip", "-6", "route", "add", "default", "via", f"2001:db8:{last}::1")
        self.inside("wan", "sysctl", "-qw", "net.ipv4.ip_forward=1",
                    "net.ipv6.conf.all.forwarding=1")
        self.inside("wan", "nft", "add table inet cut; add chain inet cut f "
                    "{ type filter hook forward priority 0; }")

    def cut(self):
        self.inside("wan", "nft", "add rule inet cut f udp dport != 0 drop")

    def restore(self):
        self.inside("wan", "nft", "flush chain inet cut f")

    def address(self, name):
        return (self.box if name == "box" else self.centre).status()["address"]

    def probe(self, target, source="box"):
        return Probe(self.ns(source), target)

    def time_until_ping(self, target, limit_s, source="box"):
        with self.probe(target, source) as probe:
            return wait_for("a ping passes", lambda: probe.once(0.06), limit_s, 0.0)

    def background(self, name, *command, **options):
        process = subprocess.Popen(["ip", "netns", "exec", self.ns(name), *command], **options)
        self.others.append(process)
        return process

    def close(self):
        for process in self.others:
            if process.poll() is None:
                process.kill()
                process.wait()
        for daemon in (self.box, self.centre):
            daemon.kill()
        for name in ("box", "wan", "centre"):
            run("ip", "netns", "del", self.ns(name), check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
