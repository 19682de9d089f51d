#!/usr/bin/python3
"""Ours against a chain of two Postfixes, in the same namespaces, through the same tunnel, with the
same mails and the same sink (./dev bench). README.md says what each figure means."""

import argparse
import json
import pathlib
import sqlite3
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/e2e"))

from harness.case import clear_up_when_ended  # noqa: E402
from harness.mails import plain_mail, send  # noqa: E402
from harness.process import Program, resident_kib  # noqa: E402
from harness.world import CENTRE_ADDRESS, World, ask, find_programs  # noqa: E402

import door  # noqa: E402
import memory  # noqa: E402
from chain import Chain, holding_door  # noqa: E402
from measure import (Loader, Quiet, Tap, connect_ms, percentile, sync_ms,  # noqa: E402
                     tunnel_mib_per_s)

SINK_PORT, TAP_PORT = 2526, 2525
LINK_PORT = 7411
DOOR_PORT = 2530
WARM_UP_MAILS = 40
LAN_DEVICES = 64
BOXES = 100
SIZES = {"1k": 1024, "100k": 100 * 1024}
DEVICES = (1, 16, 64)
PATH_DELAY_US = 25_000  # each way


class Figures:
    """Every figure under a stable name; bars are judged at the end."""

    def __init__(self):
        self.values, self.bars = {}, []

    def put(self, name, value, unit=""):
        self.values[name] = round(value, 3)
        print(f"  {name:<44}{value:>12.2f} {unit}", flush=True)

    def bar(self, text, reached):
        self.bars.append((text, bool(reached)))

    def best_of(self, name, value, unit, better=max):
        """Keeps the better of two rounds: the quieter one."""
        before = self.values.get(name)
        self.put(name, value if before is None else better(before, value), unit)


class Bench:
    def __init__(self, tools, quick):
        self.tools, self.quick = tools, quick
        self.figures = Figures()
        self.quiet = Quiet(5 if quick else 60)
        self.rounds = 1 if quick else 2
        self.mails = 60 if quick else 300

    def build_world(self, endpoint=""):
        def prepare(world):
            self.use_sink(world)
            world.box.listeners.append({
                "name": "door", "address": world.box.lan_address, "port": DOOR_PORT,
                "reply": "store-and-forward"})
            world.box.spool_options = {"quota": "4GiB"}
            if endpoint:
                world.endpoints = [endpoint]

        return World(devices=LAN_DEVICES, prepare=prepare)

    def use_sink(self, world):
        """smtp-sink behind the tap, in the place of EBÜS."""
        centre = world.centre
        sink = Program("sink", centre.netns, ["smtp-sink", "-u", "nobody",
                                              f"127.0.0.1:{SINK_PORT}", "1024"],
                       log=centre.folder / "sink.log")
        centre.standin = Program("tap", centre.netns, [self.tools / "bench_tap", TAP_PORT,
                                                       SINK_PORT, centre.folder / "tap.txt"],
                                 log=centre.folder / "tap.log")
        world.extra_programs.append(sink)

        def start():
            sink.start()
            centre.standin.start()
            time.sleep(0.5)

        centre.start_ebues = start

    def loader(self, world):
        return Loader(world, self.tools, Tap(world.centre.folder / "tap.txt"))

    # --- the phases ------------------------------------------------------------------------

    def against_the_chain(self):
        with self.build_world() as world:
            loader = self.loader(world)
            address = ask(world.centre.tunnel_socket, "status")["address"].partition("/")[0]
            chain = Chain(world, address, TAP_PORT)
            self.idle_memory(world)
            for number in range(self.rounds):
                print(f"\nround {number + 1} of {self.rounds}: ours")
                self.measure("ours", loader, warm_up=True)
                self.floor(world, address)
                self.stop_ours(world)
                self.figures.best_of("machine.tunnel_mib_per_s", tunnel_mib_per_s(
                    world.box.netns, world.centre.netns, address, LINK_PORT), "MiB/s")
                print(f"\nround {number + 1} of {self.rounds}: the chain of two Postfixes")
                chain.start()
                try:
                    self.measure("chain", loader, warm_up=True)
                    self.figures.put("memory.chain_both_ends_mib",
                                     (chain.box_end.resident_kib()
                                      + chain.centre_end.resident_kib()) / 1024, "MiB")
                finally:
                    chain.stop()
                self.start_ours(world)
            self.where_the_time_goes(world)
            self.doors(world, loader)

    def measure(self, who, loader, warm_up):
        if warm_up:
            loader.arrivals(loader.run(4, WARM_UP_MAILS, 1024, keep=True))
            time.sleep(1.5)
        for label, size in SIZES.items():
            self.quiet.wait()
            to_sink, to_reply = loader.latency(self.mails, size)
            for name, values in (("connect_to_sink", to_sink), ("connect_to_reply", to_reply)):
                for share in (0.5, 0.99):
                    self.figures.best_of(f"{who}.{name}.{label}.p{int(share * 100)}_ms",
                                         percentile(values, share), "ms", min)
        for label, size in SIZES.items():
            for devices in DEVICES:
                self.quiet.wait()
                mails = self.mails * (1 if devices == 1 else 4) // (1 if label == "1k" else 3)
                if who == "ours" and label == "1k":
                    mails *= 4  # a run of some seconds for either
                name = f"{label}.devices_{devices}_per_s"
                to_sink, to_reply = loader.throughput(devices, mails, size)
                self.figures.best_of(f"{who}.throughput.{name}", to_sink, "mails/s")
                self.figures.best_of(f"{who}.replies.{name}", to_reply, "mails/s")

    def stop_ours(self, world):
        world.box.edge.stop()
        world.centre.receiver.stop()

    def start_ours(self, world):
        world.centre.receiver.start()
        world.centre.wait_for_receiver()
        world.box.edge.start()
        world.box.wait_for_door()
        world.box.wait_for_link()

    def floor(self, world, centre_address):
        """What a stored reply must cost at least here: two syncs and a round trip."""
        self.quiet.wait()
        sync = sync_ms(world.folder)
        trip = connect_ms(world.box.netns, centre_address, LINK_PORT)
        loader = self.loader(world)
        loader.next_id = 10_000_000 + int(time.time()) % 1_000_000
        samples = loader.run(1, self.mails, 1024, keep=True, pause_us=2000)
        reply = percentile([(r - b) / 1000 for _, b, r, text in samples if "stored" in text], 0.5)
        self.figures.best_of("machine.sync_1k.p50_ms", sync, "ms", min)
        self.figures.best_of("machine.tunnel_round_trip.p50_ms", trip, "ms", min)
        self.figures.best_of("ours.mail_to_stored_reply.1k.p50_ms", reply, "ms", min)
        self.figures.best_of("ours.stored_reply_over_floor_ms", reply - 2 * sync - trip, "ms", min)

    def where_the_time_goes(self, world):
        """Stage by stage, from the ledger, over the alarms of 1 KiB."""
        file = sqlite3.connect(f"file:{world.centre.folder}/ledger/ledger.db?mode=ro", uri=True)
        rows = file.execute(
            "SELECT r.spooled_us - r.accepted_us, r.stored_us - r.spooled_us - r.clock_offset_us,"
            " s.time_us - r.stored_us FROM records r JOIN stages s ON s.position = r.position"
            " WHERE s.stage = 1 AND r.size BETWEEN 900 AND 1100 ORDER BY r.position"
            " LIMIT ? OFFSET ?", (self.mails, WARM_UP_MAILS)).fetchall()
        file.close()
        names = ("accepted_to_spool_commit", "spool_commit_to_stored", "stored_to_handed_over")
        for column, name in enumerate(names):
            values = [row[column] / 1000 for row in rows]
            for share in (0.5, 0.99):
                self.figures.put(f"ours.stage.{name}.p{int(share * 100)}_ms",
                                 percentile(values, share), "ms")

    def doors(self, world, loader):
        """Accepted and durable, nothing else: the link is down, Postfix holds."""
        print("\nthe door alone: 16 devices, kept connections, 1 KiB")
        world.box.cut_cable()
        send(world.box, plain_mail("wake-up"))
        door = holding_door(world, DOOR_PORT + 1)
        door.start()
        time.sleep(1)
        try:
            for _ in range(self.rounds + 1):
                for who, port, mails in (("ours", DOOR_PORT, self.mails * 30),
                                         ("postfix", DOOR_PORT + 1, self.mails * 8)):
                    self.quiet.wait()
                    samples = loader.run(16, mails, 1024, keep=True, port=port)
                    seconds = (max(s[2] for s in samples) - min(s[1] for s in samples)) / 1e6
                    self.figures.best_of(f"{who}.door.1k.devices_16_per_s",
                                         len(samples) / seconds, "mails/s")
        finally:
            door.stop()
            world.box.mend_cable()

    def long_path(self):
        print("\nthe headline: 100 KiB over a path of 50 ms (UDP relay, 25 ms each way)")
        relay_address = "198.51.100.1:51821"
        with self.long_world(relay_address) as world:
            loader = self.loader(world)
            loader.arrivals(loader.run(1, 5, 1024, keep=True))
            self.quiet.wait()
            mails = 30 if self.quick else 200
            to_sink, to_reply = loader.latency(mails, SIZES["100k"], pause_us=50_000)
            for share in (0.5, 0.99):
                name = f"p{int(share * 100)}_ms"
                self.figures.put(f"ours.path_50ms.connect_to_sink.100k.{name}",
                                 percentile(to_sink, share), "ms")
                self.figures.put(f"ours.path_50ms.connect_to_reply.100k.{name}",
                                 percentile(to_reply, share), "ms")

    def long_world(self, relay_address):
        world = self.build_world(endpoint=relay_address)
        relay = Program("relay", world.wan, [self.tools / "bench_relay", relay_address,
                                             f"{CENTRE_ADDRESS}:51820", PATH_DELAY_US],
                        log=world.folder / "relay.log")
        world.extra_programs.append(relay)
        relay.start()
        return world

    def idle_memory(self, world):
        for name, program in (("box", world.box.edge), ("box_tunnel", world.box.tunnel),
                              ("receiver", world.centre.receiver)):
            self.figures.put(f"memory.{name}_idle_mib", resident_kib(program.pid) / 1024, "MiB")

    def full_memory(self):
        print("\nmemory: 1,000 open sessions, a spool of 1 GiB")
        with self.build_world() as world:
            height = memory.full_box(world, self.loader(world), DOOR_PORT, LAN_DEVICES,
                                     1 / 8 if self.quick else 1)
            self.figures.put("memory.box_1000_sessions_1gib_mib", height, "MiB")

    def receiver_memory(self):
        print("\nmemory: the receiver with 100 boxes (simulated streams, 50 alarms each)")
        addresses = []

        def prepare(world):
            self.use_sink(world)
            addresses.extend(memory.know_boxes(world, BOXES))

        world = World(boxes=0, prepare=prepare)
        try:
            centre_address = world.alarmwire_text(
                "key", "address", "--prefix", world.prefix, world.centre.public_key).strip()
            boxes = memory.connect_boxes(world, centre_address, addresses)
            tunnel = memory.TunnelStandIn(world.centre.tunnel_socket, centre_address, addresses)
            world.centre.start_ebues()
            world.centre.receiver.start()
            world.centre.wait_for_receiver()
            time.sleep(2)  # until it has asked for the interface
            height, said = memory.busy_receiver(world, boxes, self.tools, centre_address,
                                                addresses, 50, 10 if self.quick else 30)
            print(f"  {said}")
            self.figures.put("memory.receiver_100_boxes_mib", height, "MiB")
            tunnel.close()
        finally:
            world.remove()

    # --- the end ---------------------------------------------------------------------------

    def judge(self):
        value = self.figures.values.get
        for label in SIZES:
            ratio = value(f"ours.connect_to_sink.{label}.p50_ms") / \
                value(f"chain.connect_to_sink.{label}.p50_ms")
            self.figures.put(f"ratio.latency.{label}", ratio)
            self.figures.bar(f"median latency, {label}: at most a third of the chain's",
                             ratio <= 1 / 3)
            ratio = value(f"ours.throughput.{label}.devices_16_per_s") / \
                value(f"chain.throughput.{label}.devices_16_per_s")
            self.figures.put(f"ratio.throughput.{label}.devices_16", ratio)
            self.figures.bar(f"durable mails/s, 16 devices, {label}: at least five times",
                             ratio >= 5)
        carried = value("ours.throughput.100k.devices_16_per_s") * SIZES["100k"] / (1 << 20)
        self.figures.put("ours.share_of_tunnel.100k.devices_16",
                         carried / value("machine.tunnel_mib_per_s"))
        ratio = value("ours.door.1k.devices_16_per_s") / value("postfix.door.1k.devices_16_per_s")
        self.figures.put("ratio.door.1k.devices_16", ratio)
        self.figures.bar("the door alone: at least four times Postfix", ratio >= 4)
        self.figures.bar("stored reply, 1 KiB: within two syncs + round trip + 2 ms",
                         value("ours.stored_reply_over_floor_ms") <= 2)
        self.figures.bar("100 KiB over 50 ms: at the sink in under 1 s (p99)",
                         value("ours.path_50ms.connect_to_sink.100k.p99_ms") < 1000)
        self.figures.bar("box idle: at most 64 MiB", value("memory.box_idle_mib") <= 64)
        self.figures.bar("box with 1,000 sessions and 1 GiB: at most 128 MiB",
                         value("memory.box_1000_sessions_1gib_mib") <= 128)
        self.figures.bar("receiver with 100 boxes: at most 256 MiB",
                         value("memory.receiver_100_boxes_mib") <= 256)
        self.figures.put("machine.busy_share_worst", self.quiet.worst)

    def report(self, path):
        print("\nbars")
        for text, reached in self.figures.bars:
            print(f"  {'reached    ' if reached else 'NOT reached'} {text}")
        if path:
            result = {"schema": "bench/1", "quick": self.quick, "figures": self.figures.values,
                      "bars": {text: reached for text, reached in self.figures.bars}}
            pathlib.Path(path).write_text(json.dumps(result, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write every figure under its name")
    parser.add_argument("--quick", action="store_true", help="small samples: a look, no proof")
    parser.add_argument("--only", choices=["door"], help="one part alone")
    options = parser.parse_args()
    clear_up_when_ended()
    tools = find_programs().parent / "bench"
    bench = Bench(tools, options.quick)
    if not options.only or options.only == "door":
        door.play(bench)
    if options.only:
        return bench.report(options.json)
    bench.against_the_chain()
    bench.long_path()
    bench.full_memory()
    bench.receiver_memory()
    bench.judge()
    bench.report(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
