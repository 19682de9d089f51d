"""How much memory the box takes when much is going on."""

import socket
import time

from harness.process import resident_kib

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
