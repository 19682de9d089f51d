"""Programs inside a namespace: as a user without rights, with the capabilities they need and no more."""

import os
import pathlib
import signal
import stat
import subprocess
import time

# Distinct users, one group: the daemons of a machine meet at their control sockets only.
# Numbers suffice for the kernel; nothing is entered in the machine's user list.
UID_TUNNEL, UID_EDGE, UID_RECEIVER, UID_STANDIN = 64101, 64102, 64103, 64104
GID = 64100


def start_time(pid):
    """Ticks since boot at which a process began: with the pid it names a process for good."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def kill_if_same(pid, began, number=signal.SIGKILL):
    if began is not None and start_time(pid) == began:
        os.kill(pid, number)
        return True
    return False


def resident_kib(pid, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


class Program:
    """One program of a run. start() again after it ended gives it a new life, same log."""

    def __init__(self, name, namespace, argv, uid=0, capabilities=(), log=None, prepare="",
                 environment=None, prefix=()):
        self.name = name
        self.namespace = namespace
        self.argv = [str(a) for a in argv]
        self.uid = uid
        self.capabilities = capabilities
        self.log = pathlib.Path(log)
        self.prepare = prepare  # shell, as root, in the program's own mount namespace
        self.environment = environment or {}
        self.prefix = list(prefix)  # e.g. strace, run as the same user
        self.process = None
        self.began = None

    def start(self):
        assert not self.running(), f"{self.name} runs already"
        script = f"set -e\n{self.prepare}\nexec \"$@\""
        argv = ["ip", "netns", "exec", self.namespace.name, "sh", "-c", script, "sh",
                *self._as_user(), *self.prefix, *self.argv]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd="/", env={**os.environ, **self.environment})
        self.began = start_time(self.process.pid)
        return self

    def _as_user(self):
        if not self.uid:
            return []
        words = ",".join(["-all", *("+" + c for c in self.capabilities)])
        return ["setpriv", f"--reuid={self.uid}", f"--regid={GID}", "--clear-groups",
                f"--inh-caps={words}", f"--ambient-caps={words}", f"--bounding-set={words}",
                "--no-new-privs"]

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def children(self):
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.pid:
                found.append(int(entry.name))
        return found

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """kill -9, and wait until it is gone."""
        if self.running():
            self.process.kill()
        if self.process is not None:
            self.process.wait(timeout=10)

    def stop(self, within_s=10):
        """SIGTERM; answers the seconds it took. Ends it by force when it takes longer."""
        if not self.running():
            return 0.0
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.monotonic() - began

    def restart(self):
        self.stop()
        return self.start()

    def last_words(self, lines=15):
        try:
            text = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(f"    {self.name}: {line}" for line in text[-lines:])


def tun_for_everybody(folder):
    """Shell that gives this mount namespace a /dev/net/tun an ordinary user may open.

    Debian's udev makes it so (mode 0666); machines without udev keep it for root."""
    try:
        mode = os.stat("/dev/net/tun").st_mode
    except OSError:
        raise RuntimeError("/dev/net/tun is missing: load the module `tun`") from None
    if mode & stat.S_IWOTH:
        return ""
    return (f"mkdir -p {folder}/dev\nmount -t tmpfs -o mode=755 tmpfs {folder}/dev\n"
            f"mknod {folder}/dev/tun c 10 200\nchmod 666 {folder}/dev/tun\n"
            f"mount --bind {folder}/dev/tun /dev/net/tun\n")


def own_wireguard_folder():
    """Shell that gives this mount namespace a /run of its own, where wireguard-go may keep its
    sockets; the machine's /run is not touched."""
    return ("mount -t tmpfs -o mode=755 tmpfs /run\nmkdir -m 700 /run/wireguard\n"
            f"chown {UID_TUNNEL}:{GID} /run/wireguard\n")
