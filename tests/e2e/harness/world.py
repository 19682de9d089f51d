"""A whole installation on one machine: devices, boxes, the Internet between, the centre, EBÜS.

    LAN ─ veth ─ BOX ─ veth ─ WAN ─ veth ─ CENTRE          each a network namespace
    cameras      tunnel       forwards     tunnel
                 edge                      receiver, EBÜS stand-in

    with World(boxes=2) as world:
        reply = send(world.box, plain_mail("m-1"))

Everything it makes carries the run's id and is removed at the end; nothing outside is touched.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from . import config, net
from .mails import Mailbox
from .process import (GID, UID_EDGE, UID_RECEIVER, UID_STANDIN, UID_TUNNEL, Program, kill_if_same,
                      own_wireguard_folder, start_time, tun_for_everybody)

STANDIN = pathlib.Path(__file__).resolve().parent.parent / "ebues_standin.py"
PYTHON = "/usr/bin/python3"  # Debian's own: it has python3-aiosmtpd
PROGRAMS = ("alarmwire", "alarmwire-edge", "alarmwire-receiver", "alarmwire-tunnel")
CENTRE_ADDRESS = "198.51.100.2"
PATIENCE = float(os.environ.get("ALARMWIRE_PATIENCE", "1"))  # more on a machine that is emulated


class ControlError(RuntimeError):
    pass


def ask(socket_path, command, timeout_s=10, **fields):
    """One request over a daemon's control socket (common/control.hpp)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        client.connect(str(socket_path))
        client.sendall(json.dumps({"command": command, **fields}).encode() + b"\n")
        line = client.makefile("rb").readline()
    answer = json.loads(line or b'{"ok": false, "error": "closed without an answer"}')
    if not answer["ok"]:
        raise ControlError(answer["error"])
    return answer["result"]


def wait_for(what, suits, within_s=20, every_s=0.05):
    """Until suits() is true; TimeoutError names what was waited for."""
    end = time.monotonic() + within_s * PATIENCE
    while True:
        try:
            found = suits()
        except (OSError, ControlError, ValueError, KeyError):
            found = None
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"waited {within_s} s for {what}")
        time.sleep(every_s)


class Box:
    def __init__(self, world, number):
        self.world, self.number = world, number
        self.by_ticket = world.by_ticket  # it has no key, and no centre, until it is enrolled
        self.id = f"site-{number}"
        self.folder = world.folder / f"box{number}"
        self.edge_socket = self.folder / "run/edge.sock"
        self.tunnel_socket = self.folder / "run/tunnel.sock"
        self.edge_config = self.folder / "edge.toml"
        self.lan_address, self.smtp_port = "192.168.10.2", 25
        base = 8 * number  # a /29 of the WAN for each box
        self.router = f"203.0.113.{base + 1}"
        self.addresses = [f"203.0.113.{base + 2}", f"203.0.113.{base + 3}"]
        self.public_key = ""
        self.bound_addresses = [f"alarm@{self.id}.internal", "alarm@edge.internal"] \
            if number == 1 else [f"alarm@{self.id}.internal"]
        self.named_devices = 2
        self.edge_options, self.smtp_options, self.spool_options = {}, {}, {}
        self.more_sections = []  # ("[[smtp.user]]", {…})
        self.listeners = [{"name": "lan", "address": self.lan_address, "port": self.smtp_port,
                           "reply": "assured", "ack_wait": "5s"}]

    def device_address(self, number):
        return f"192.168.10.{21 + number}"

    @property
    def cable(self):
        """The WAN's end of the cable to this box: what to cut."""
        return f"box{self.number}"

    def build_network(self, devices):
        tag = "" if self.number == 1 else str(self.number)
        self.lan = self.world.namespace(f"lan{tag}")
        self.netns = self.world.namespace(f"box{tag}")
        net.cable(self.lan, "eth0", self.netns, "lan0")
        net.address(self.lan, "eth0",
                    *[f"{self.device_address(n)}/24" for n in range(devices)])
        net.address(self.netns, "lan0", f"{self.lan_address}/24")
        net.cable(self.netns, "wan0", self.world.wan, self.cable)
        net.address(self.netns, "wan0", f"{self.addresses[0]}/29")
        net.address(self.world.wan, self.cable, f"{self.router}/29")
        self.netns.ip("route", "add", "default", "via", self.router)

    def build_programs(self):
        make_folders(self.folder, {"run": None, "tunnel": UID_TUNNEL, "edge": UID_EDGE,
                                   "spool": UID_EDGE})
        if not self.by_ticket:
            self.public_key = self.world.generate_key(self.folder / "tunnel/private.key")
        mounts = tun_for_everybody(self.folder) + own_wireguard_folder()
        self.tunnel = Program(
            f"box{self.number}-tunnel", self.netns,
            [self.world.program("alarmwire-tunnel"), "--config", self.edge_config],
            UID_TUNNEL, ["net_admin"], self.folder / "tunnel.log", mounts)
        self.edge = Program(
            f"box{self.number}-edge", self.netns,
            [self.world.program("alarmwire-edge"), "--config", self.edge_config],
            UID_EDGE, ["net_bind_service"], self.folder / "edge.log")

    def write_config(self):
        text = config.edge(self, self.world.centre.public_key, self.world.endpoints,
                           self.world.prefix)
        self.edge_config.write_text(text)

    def start(self):
        self.tunnel.start()
        wait_for("the box's tunnel daemon", lambda: ask(self.tunnel_socket, "status"))
        self.edge.start()
        self.wait_for_door()

    def wait_for_door(self, within_s=20):
        wait_for("the box's door", lambda: ask(self.edge_socket, "status"), within_s)

    def status(self):
        return ask(self.edge_socket, "status")

    def wait_for_link(self, within_s=30):
        began = time.monotonic()
        wait_for(f"the link of {self.id}", lambda: self.world.link_is_up(self), within_s)
        return time.monotonic() - began

    def alarmwire(self, *words, **how):
        return self.world.alarmwire(self.edge_socket, *words, **how)

    def start_enrolling(self, ticket_text, *words):
        """`alarmwire enrol` as a person would; a process whose communicate() gives its lines."""
        argv = [str(self.world.program("alarmwire")), "--json", "--socket", str(self.edge_socket),
                "enrol", *words]
        made = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        made.stdin.write(ticket_text)
        made.stdin.close()
        made.stdin = None
        return made

    def enrol(self, ticket_text, *words, within_s=60):
        """To its end; the exit code, and the states that were shown."""
        made = self.start_enrolling(ticket_text, *words)
        try:
            out, _ = made.communicate(timeout=within_s)
        finally:
            made.kill()
            made.wait()
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        states = [line for line in lines if line["schema"] == "enrol/1"]
        return made.returncode, states or [{"step": "", "text": out}]

    def cut_cable(self):
        self.world.wan.ip("link", "set", self.cable, "down")

    def lose_link(self, within_s=30):
        """The cable is out and the box knows it: a mail accepted from here on has not been sent.

        A cut alone is noticed only after seconds, and what went into the dying stream until then
        still arrives, as it was sent, when the cable is back soon enough."""
        self.cut_cable()
        wait_for(f"{self.id} to miss its link", lambda: not self.world.link_is_up(self), within_s)

    def mend_cable(self):
        self.world.wan.ip("link", "set", self.cable, "up")
        net.run("ip", "-n", self.netns.name, "route", "replace", "default", "via", self.router)

    def change_address(self):
        """As a new DHCP lease would: the old address goes, another comes."""
        old, new = self.addresses
        self.netns.ip("address", "del", f"{old}/29", "dev", "wan0")
        self.netns.ip("address", "add", f"{new}/29", "dev", "wan0")
        self.netns.ip("route", "replace", "default", "via", self.router)
        self.addresses = [new, old]


class Centre:
    def __init__(self, world):
        self.world = world
        self.folder = world.folder / "centre"
        self.receiver_socket = self.folder / "run/receiver.sock"
        self.tunnel_socket = self.folder / "run/tunnel.sock"
        self.receiver_config = self.folder / "receiver.toml"
        self.mails, self.envelopes = self.folder / "ebues/mails", self.folder / "ebues/envelopes"
        self.rules = self.folder / "ebues/rules.json"
        self.mailbox = Mailbox(self.mails, self.envelopes)
        self.receiver_options, self.outlet_options = {}, {}
        self.more_sections = []  # as a box's
        self.more_outlets = []
        self.strangers = []  # boxes that are known but not built here

    def build_network(self):
        self.netns = self.world.namespace("centre")
        net.cable(self.netns, "wan0", self.world.wan, "centre")
        net.address(self.netns, "wan0", f"{CENTRE_ADDRESS}/24")
        net.address(self.world.wan, "centre", "198.51.100.1/24")
        self.netns.ip("route", "add", "default", "via", "198.51.100.1")

    def build_programs(self):
        make_folders(self.folder, {
            "run": None, "tunnel": UID_TUNNEL, "receiver": UID_RECEIVER, "ledger": UID_RECEIVER,
            "ebues": UID_STANDIN, "ebues/mails": UID_STANDIN, "ebues/envelopes": UID_STANDIN})
        self.public_key = self.world.generate_key(self.folder / "tunnel/private.key")
        mounts = tun_for_everybody(self.folder) + own_wireguard_folder()
        self.tunnel = Program(
            "centre-tunnel", self.netns,
            [self.world.program("alarmwire-tunnel"), "--config", self.receiver_config],
            UID_TUNNEL, ["net_admin"], self.folder / "tunnel.log", mounts)
        self.receiver = Program(
            "receiver", self.netns,
            [self.world.program("alarmwire-receiver"), "--config", self.receiver_config],
            UID_RECEIVER, [], self.folder / "receiver.log")
        self.standin = self._standin("ebues", 2525, self.mails, self.envelopes)

    def _standin(self, name, port, mails, envelopes, *options):
        return Program(
            name, self.netns,
            [PYTHON, "-u", STANDIN, "--listen", f"127.0.0.1:{port}", "--mails", mails,
             "--envelopes", envelopes, "--rules", self.rules, *options],
            0, log=self.folder / f"{name}.log")

    def another_ebues(self, name, port, *options):
        """A second EBÜS that runs; its program and its mailbox."""
        folder = self.folder / name
        make_folders(folder, {"mails": UID_STANDIN, "envelopes": UID_STANDIN})
        made = self._standin(name, port, folder / "mails", folder / "envelopes", *options).start()
        self.world.extra_programs.append(made)
        wait_for(name, lambda: "listening" in made.log.read_text())
        return made, Mailbox(folder / "mails", folder / "envelopes")

    def write_config(self):
        self.receiver_config.write_text(
            config.receiver(self, [box for box in self.world.boxes if not box.by_ticket] +
                            self.strangers, self.world.prefix))

    def start_ebues(self):
        self.standin.start()
        wait_for("the EBÜS stand-in", lambda: "listening" in self.standin.log.read_text())

    def start(self):
        self.start_ebues()
        self.tunnel.start()
        wait_for("the centre's tunnel daemon", lambda: ask(self.tunnel_socket, "status"))
        self.receiver.start()
        self.wait_for_receiver()

    def wait_for_receiver(self, within_s=20):
        wait_for("the receiver", lambda: ask(self.receiver_socket, "status"), within_s)

    def status(self):
        return ask(self.receiver_socket, "status")

    def alarmwire(self, *words, **how):
        return self.world.alarmwire(self.receiver_socket, *words, **how)

    def ticket(self, site, *words):
        return self.alarmwire("ticket", "create", "--site", site, *words)

    def set_rules(self, rules):
        """What EBÜS answers from now on (ebues_standin.py)."""
        part = self.rules.with_suffix(".part")
        part.write_text(json.dumps(rules))
        os.rename(part, self.rules)


class World:
    def __init__(self, boxes=1, devices=8, prepare=None, bin=None, by_ticket=False):
        """`prepare(world)` runs before the configuration is written: it may change options.
        `by_ticket`: the boxes are started, and belong nowhere until a test enrols them."""
        self.by_ticket = by_ticket
        self.run_id = net.new_run_id()
        self.bin = find_programs(bin)
        base = os.environ.get("ALARMWIRE_RUN_BASE", "/var/tmp")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"alarmwire-{self.run_id}-", dir=base))
        self.folder.chmod(0o755)
        self.namespaces, self.mounts, self.extra_programs = [], [], []
        self.boxes = []
        try:
            self._build(boxes, devices, prepare)
        except BaseException:
            self.remove()
            raise

    def _build(self, boxes, devices, prepare):
        # Into the run's folder: a clone below a private home is out of reach for other users.
        (self.folder / "bin").mkdir()
        for name in PROGRAMS:
            shutil.copy2(self.bin / name, self.folder / "bin" / name)
        self.wan = self.namespace("wan")
        self.wan.sysctl("net/ipv4/ip_forward", 1)
        self.centre = Centre(self)
        self.centre.build_network()
        self.boxes = [Box(self, number) for number in range(1, boxes + 1)]
        for box in self.boxes:
            box.build_network(devices)
        self.prefix = self.alarmwire_text("key", "prefix").strip()
        self.endpoints = [f"{CENTRE_ADDRESS}:51820"]
        self.centre.build_programs()
        for box in self.boxes:
            box.build_programs()
        if prepare:
            prepare(self)
        self.write_configs()

    @property
    def box(self):
        return self.boxes[0]

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            print(self.last_words(), file=sys.stderr)
        self.remove()

    def write_configs(self):
        self.centre.write_config()
        for box in self.boxes:
            box.write_config()

    def start(self):
        self.centre.start()
        for box in self.boxes:
            box.start()
        for box in self.boxes:
            if not box.by_ticket:
                box.wait_for_link()

    def programs(self):
        found = list(self.extra_programs)
        for box in self.boxes:
            found += [getattr(box, name, None) for name in ("edge", "tunnel")]
        centre = getattr(self, "centre", None)
        found += [getattr(centre, name, None) for name in ("receiver", "tunnel", "standin")]
        return [program for program in found if program is not None]

    def last_words(self):
        return "\n".join(program.last_words() for program in self.programs())

    def namespace(self, name):
        made = net.Namespace(f"aw{self.run_id}-{name}")
        self.namespaces.append(made)
        return made

    def program(self, name):
        return self.folder / "bin" / name

    def mount_small_disk(self, folder, size, uid):
        """A file system of `size` bytes (tmpfs) on a folder of the run."""
        net.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=700,uid={uid},gid={GID}",
                "tmpfs", str(folder))
        self.mounts.append(folder)

    def alarmwire_text(self, *words, check=True, input=None):
        return net.run(str(self.program("alarmwire")), *words, check=check, input=input)

    def alarmwire(self, control_socket, *words, check=True, json_output=True):
        """`alarmwire --json` against a daemon, as a person would call it."""
        argv = [str(self.program("alarmwire")), *(["--json"] if json_output else []),
                "--socket", str(control_socket), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        if check and done.returncode not in (0, 3):
            raise ControlError(f"{' '.join(words)}: exit {done.returncode}: "
                               f"{done.stdout}{done.stderr}")
        return json.loads(done.stdout) if json_output else done.stdout

    def generate_key(self, path):
        """Writes a private key only the tunnel daemon may read; answers the public one."""
        made = json.loads(self.alarmwire_text("--json", "key", "generate", "--out", str(path)))
        os.chown(path, UID_TUNNEL, GID)
        return made["public_key"]

    def link_is_up(self, box):
        return box.status()["link"]["state"] == "up"

    def black_hole(self):
        """The WAN drops everything, without a word."""
        self.wan.nft("table inet cut { chain forward { "
                     "type filter hook forward priority 0; policy drop; }; }")

    def end_black_hole(self):
        self.wan.nft("delete table inet cut", check=False)

    def kill_pid_of_run(self, pid):
        """kill -9 of a process inside a namespace of this run, and of no other."""
        assert any(pid in namespace.pids() for namespace in self.namespaces), pid
        kill_if_same(pid, start_time(pid))

    def kill_child(self, program, pid):
        """kill -9 of a daemon's child (wireguard-go); waits until it is gone."""
        assert pid in program.children(), pid
        began = start_time(pid)
        kill_if_same(pid, began)
        wait_for(f"the end of {pid}", lambda: start_time(pid) != began, 5)

    def remove(self):
        """Ends every process of the run and takes away everything it made."""
        for program in self.programs():
            program.kill()
        remove_run(self.describe())

    def describe(self):
        """What remove_run() needs to know, also from another process."""
        return {
            "folder": str(self.folder),
            "namespaces": [namespace.name for namespace in self.namespaces],
            "mounts": [str(mount) for mount in self.mounts],
            "processes": [[p.pid, p.began] for p in self.programs() if p.process is not None],
        }


def make_folders(folder, owners):
    folder.mkdir()
    for name, owner in owners.items():
        made = folder / name
        made.mkdir()
        if owner is None:  # where the daemons of a machine put their sockets
            os.chown(made, 0, GID)
            made.chmod(0o770)
        else:
            os.chown(made, owner, GID)
            made.chmod(0o700)


def remove_run(run):
    """Removes a run by its description; whatever is gone already is fine."""
    for pid, began in run["processes"]:
        kill_if_same(pid, began)
    for name in run["namespaces"]:  # what is left in namespaces of ours is ours: wireguard-go
        for pid in net.run("ip", "netns", "pids", name, check=False).split():
            if pid.isdigit():
                kill_if_same(int(pid), start_time(int(pid)))
    for name in run["namespaces"]:
        net.run("ip", "netns", "del", name, check=False)
    for mount in run["mounts"]:
        net.run("umount", "-l", mount, check=False)
    shutil.rmtree(run["folder"], ignore_errors=True)


def find_programs(given=None):
    """The folder of the built programs: given, or ALARMWIRE_BIN, or build/dev/bin."""
    top = pathlib.Path(__file__).resolve().parents[3]
    folder = pathlib.Path(given or os.environ.get("ALARMWIRE_BIN") or top / "build/dev/bin")
    missing = [name for name in PROGRAMS if not (folder / name).exists()]
    if missing:
        raise FileNotFoundError(f"{folder} has no {', '.join(missing)}: build first (./dev build)")
    return folder
