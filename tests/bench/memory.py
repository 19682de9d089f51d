"""How much memory box and receiver take when much is going on."""

import json
import os
import socket
import socketserver
import threading
import time
import types

from harness import net
from harness.process import GID, resident_kib

SESSIONS = 1000
SPOOL_BYTES, MAIL_BYTES = 1 << 30, 1 << 20


def open_sessions(box, devices):
    """Devices that have said EHLO and now think; spread over the LAN's addresses."""
    sessions = []
    for number in range(SESSIONS):
        made = box.lan.socket()
        made.settimeout(20)
        made.bind((box.device_address(number % devices), 0))
        made.connect((box.lan_address, box.smtp_port))
        made.recv(1024)
        made.sendall(b"EHLO camera\r\n")
        made.recv(4096)
        sessions.append(made)
    return sessions


def full_box(world, loader, door_port, devices, share=1.0):
    """MiB of the box daemon at its height, with the link down so that the spool keeps everything."""
    box = world.box
    box.cut_cable()
    loader.run(4, int(SPOOL_BYTES * share) // MAIL_BYTES, MAIL_BYTES, keep=True, port=door_port)
    sessions = open_sessions(box, devices)
    time.sleep(1)
    height = resident_kib(box.edge.pid, "VmHWM")
    for each in sessions:
        each.shutdown(socket.SHUT_RDWR)
        each.close()
    return height / 1024


def know_boxes(world, count):
    """Enters boxes that exist only as keys and tunnel addresses; answers the addresses."""
    addresses = []
    for number in range(1, count + 1):
        key = world.folder / f"stranger-{number}.key"
        made = json.loads(world.alarmwire_text("--json", "key", "generate", "--out", str(key)))
        public = made["public_key"]
        world.centre.strangers.append(types.SimpleNamespace(
            id=f"sim-{number}", number=number, public_key=public, bound_addresses=[]))
        addresses.append(world.alarmwire_text("key", "address", "--prefix", world.prefix,
                                              public).strip())
    return addresses


class TunnelStandIn:
    """Says to the receiver what alarmwire-tunnel would: the interface is there, listen on it."""

    def __init__(self, path, centre_address, addresses):
        peers = [{"box": f"sim-{number}", "tunnel_address": address, "handshake_age_ms": 1000}
                 for number, address in enumerate(addresses, 1)]
        answer = json.dumps({"ok": True, "schema": 1, "result": {
            "role": "centre", "interface": "wgcentre", "backend": "fake", "serving": True,
            "address": centre_address, "mtu": 1280, "peers": peers}}).encode() + b"\n"

        class Talk(socketserver.StreamRequestHandler):
            def handle(self):
                for _ in self.rfile:
                    self.wfile.write(answer)

        self.server = socketserver.ThreadingUnixStreamServer(str(path), Talk)
        self.server.daemon_threads = True
        os.chown(path, 0, GID)
        os.chmod(path, 0o660)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def connect_boxes(world, centre_address, addresses):
    """A cable in the place of the tunnel: the receiver listens on an interface of that name."""
    boxes, centre = world.namespace("boxes"), world.centre.netns
    net.cable(boxes, "boxes0", centre, "wgcentre")
    centre.ip("address", "add", f"{centre_address}/48", "dev", "wgcentre", "nodad")
    lines = "".join(f"address add {each}/48 dev boxes0 nodad\n" for each in addresses)
    net.run("ip", "-n", boxes.name, "-6", "-batch", "-", input=lines)
    return boxes


def busy_receiver(world, boxes, tools, centre_address, addresses, records, seconds):
    """MiB of the receiver with every box's stream up and records flowing; and what the simulator
    says of them."""
    listing = world.folder / "addresses.txt"
    listing.write_text("\n".join(addresses) + "\n")
    said = boxes.inside(str(tools / "bench_boxes"), centre_address, "7411", str(listing),
                        str(records), str(seconds), timeout_s=seconds + 30)
    return resident_kib(world.centre.receiver.pid, "VmHWM") / 1024, said.strip()
