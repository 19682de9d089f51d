"""What a user would build instead: Postfix on the box, relaying through the same tunnel to Postfix
at the centre, which hands to the same sink. Debian's defaults, no DNS."""

import os
import pathlib
import pwd
import shutil
import time

MASTER = """\
{listen} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One instance with a folder of its own, inside a namespace."""

    def __init__(self, namespace, folder, listen, networks, relayhost="", more=None):
        self.namespace = namespace
        self.folder = pathlib.Path(folder)
        self.settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "queue", "data_directory": self.folder / "data",
            "command_directory": "/usr/sbin", "daemon_directory": "/usr/lib/postfix/sbin",
            "mail_owner": "postfix", "setgid_group": "postdrop",
            "myhostname": "chain.internal", "mydestination": "", "relay_domains": "internal",
            "mynetworks": networks, "inet_interfaces": "all", "inet_protocols": "all",
            "relayhost": relayhost, "disable_dns_lookups": "yes", "smtpd_peername_lookup": "no",
            "message_size_limit": 64 << 20,
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "alias_maps": "", "alias_database": "", "local_recipient_maps": "",
            "maillog_file": self.folder / "log", "maillog_file_prefixes": "/",
            **(more or {}),
        }
        self.listen = listen

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "config").mkdir(parents=True)
        (self.folder / "queue").mkdir()
        (self.folder / "data").mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        for path in (self.folder, self.folder / "config"):
            path.chmod(0o755)
        main = "".join(f"{key} = {value}\n" for key, value in self.settings.items())
        (self.folder / "config/main.cf").write_text(main)
        (self.folder / "config/master.cf").write_text(MASTER.format(listen=self.listen))
        self._postfix("start")
        return self

    def _postfix(self, word):
        self.namespace.inside("postfix", "-c", str(self.folder / "config"), word, timeout_s=60)

    def stop(self):
        self._postfix("stop")

    def restart(self):
        """With the queue as it is."""
        self.stop()
        self._postfix("start")

    def resident_kib(self):
        """All processes of the instance."""
        total, master = 0, int((self.folder / "queue/pid/master.pid").read_text())
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if master in (parent, int(entry.name)):
                    for line in (entry / "smaps_rollup").read_text().splitlines():
                        if line.startswith("Pss:"):
                            total += int(line.split()[1])
            except OSError:
                continue
        return total


class Chain:
    """Both Postfixes; start() waits until a connection to each is answered."""

    def __init__(self, world, centre_address, sink_port):
        box, centre = world.box, world.centre
        self.box_end = Postfix(
            box.netns, world.folder / "postfix-box", f"{box.lan_address}:25", "192.168.10.0/24",
            relayhost=f"[ipv6:{centre_address}]:7411")
        self.centre_end = Postfix(
            centre.netns, world.folder / "postfix-centre", f"[{centre_address}]:7411",
            f"127.0.0.0/8 [{world.prefix.partition('/')[0]}]/48",
            relayhost=f"[127.0.0.1]:{sink_port}")

    def start(self):
        self.centre_end.start()
        self.box_end.start()
        time.sleep(1)
        return self

    def stop(self):
        self.box_end.stop()
        self.centre_end.stop()


def holding_door(world, port, more=None):
    """Postfix as a door alone: takes mails durably and keeps them (hold queue)."""
    box = world.box
    return Postfix(box.netns, world.folder / "postfix-door", f"{box.lan_address}:{port}",
                   "192.168.10.0/24",
                   more={"smtpd_data_restrictions": "check_client_access static:HOLD",
                         **(more or {})})
