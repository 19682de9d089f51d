"""Exim as a door: takes mails durably and keeps them (queue_only). Debian's exim4-daemon-light,
unpacked beside the build: installed it would push Postfix off the machine."""

import os
import pathlib
import shutil

from harness.process import Program

UID, GID = 64110, 64110  # of "Debian-exim", a name only its own mount namespace knows
PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/bench/exim/usr/sbin/exim4"

CONFIG = """\
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
primary_hostname = door.internal
local_interfaces = {address}
daemon_smtp_ports = {port}
queue_only = true
split_spool_directory = true
host_lookup =
helo_try_verify_hosts =
rfc1413_query_timeout = 0s
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 1024
message_size_limit = 64M
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
acl_smtp_rcpt = acl_all
acl_smtp_data = acl_all
begin acl
acl_all:
  accept
"""


class Exim:
    """fsync of data and header file before each 250 is Exim's own way and cannot be switched off."""

    def __init__(self, world, port, certificate, key):
        box = world.box
        self.folder = world.folder / "exim-door"
        program = self.folder / "exim4"
        self.text = CONFIG.format(program=program, folder=self.folder, address=box.lan_address,
                                  port=port, certificate=certificate, key=key)
        users = self.folder / "passwd"
        groups = self.folder / "group"
        know_the_user = "".join(
            f"cp {list_of} {copy}\necho '{line}' >> {copy}\nmount --bind {copy} {list_of}\n"
            for list_of, copy, line in (
                ("/etc/passwd", users, f"Debian-exim:x:{UID}:{GID}::/:/bin/false"),
                ("/etc/group", groups, f"Debian-exim:x:{GID}:")))
        self.daemon = Program(
            "exim", box.netns, [program, "-C", self.folder / "exim.conf", "-bdf"],
            log=self.folder / "out", prepare=know_the_user)

    def start(self):
        self.folder.mkdir()
        for name in ("spool", "log"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, UID, GID)
        shutil.copy2(PROGRAM, self.folder / "exim4")
        (self.folder / "exim.conf").write_text(self.text)
        self.daemon.start()

    def begin_anew(self):
        """Each session is a process that ends with it: nothing is left of earlier ones."""

    @property
    def pid(self):
        return self.daemon.pid

    def queued(self):
        return sum(1 for _ in (self.folder / "spool/input").rglob("*-H"))

    def stop(self):
        self.daemon.stop()
