"""A Debian in a folder: made once by mmdebstrap with what our packages depend on, unpacked for each test.
Its apt sources are those of this machine; nothing of it runs outside its own namespaces."""

import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from harness import net  # noqa: E402

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What the units recommend and a kernel without WireGuard needs.
MORE = ["wireguard-go"]
DAY_S = 24 * 3600


def output(*argv, **how):
    done = subprocess.run([str(word) for word in argv], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **how)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def field(package, name):
    return output("dpkg-deb", "-f", package, name).strip()


def dependencies(packages):
    """First alternatives of what they depend on, without each other."""
    own = {field(package, "Package") for package in packages}
    named = ", ".join(field(package, "Depends") for package in packages)
    found = {each.split("|")[0].split("(")[0].strip() for each in named.split(",") if each.strip()}
    return sorted(found - own)


def sources():
    """This machine's Debian, one line each."""
    said = output("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                  "Created-By: Packages", "Origin: Debian")
    return "".join(f"deb [signed-by={KEYRING}] {line}\n" for line in sorted(set(said.splitlines())))


def base(folder, packages):
    """The tar of a Debian that lacks only our packages; not older than a day."""
    wanted = dependencies(packages) + MORE
    mirror = sources()
    name = hashlib.sha256("\n".join([mirror, *wanted]).encode()).hexdigest()[:16]
    tar = folder / f"debian-{name}.tar"
    if tar.exists() and time.time() - tar.stat().st_mtime < DAY_S:
        return tar
    folder.mkdir(parents=True, exist_ok=True)
    part = tar.with_suffix(".part.tar")
    proxies = [line for line in output("apt-config", "dump").splitlines()
               if "::proxy" in line.lower() or "::cainfo" in line.lower()]
    done = subprocess.run(
        ["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet",
         '--aptopt=APT::Install-Recommends "false"', *[f"--aptopt={line}" for line in proxies],
         "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io",
         f"--include={','.join(wanted)}", codename(), str(part), "-"],
        input=mirror, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError(f"mmdebstrap: {done.stdout[-3000:]}")
    for old in folder.glob("debian-*.tar"):
        if old != part:
            old.unlink()
    part.rename(tar)
    return tar


def codename():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2]
    raise RuntimeError("this machine's release has no name")


class Daemon:
    """A service that was started as its unit says, and what it told systemd."""

    def __init__(self, machine, unit):
        self.machine, self.unit = machine, unit
        self.log = machine.root / f"var/log/{unit}.log"
        # A socket's name is short, and the machine's folder is the daemon's root.
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(str(machine.root / f"run/notify-{unit}"))
        (machine.root / f"run/notify-{unit}").chmod(0o666)
        self.process = None

    def start(self, within_s=30):
        script = f"mount -t proc proc {self.machine.root}/proc && exec \"$@\""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.machine.net.name, "unshare", "--mount", "--pid",
                 "--fork", "--kill-child", "sh", "-c", script, "sh", sys.executable, "-B",
                 str(HERE / "as_unit.py"), str(self.machine.root),
                 str(self.machine.unit_file(self.unit))],
                env={**os.environ, "NOTIFY_SOCKET": f"/run/notify-{self.unit}"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.told("READY=1", within_s)
        return self

    def told(self, what, within_s):
        """Waits until the daemon has said this to systemd."""
        end = time.monotonic() + within_s
        while True:
            self.ear.settimeout(0.2)
            try:
                if what in self.ear.recv(4096).decode():
                    return
            except TimeoutError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.unit} did not say {what}:\n{self.log.read_text()[-3000:]}")

    def pid(self):
        """Of the daemon itself, below `unshare`."""
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return int(pathlib.Path(children).read_text().split()[0])

    def facts(self):
        lines = pathlib.Path(f"/proc/{self.pid()}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    def stop(self, within_s=10):
        """SIGTERM; its exit code."""
        if self.process.poll() is None:
            os.kill(self.pid(), signal.SIGTERM)
        return self.process.wait(timeout=within_s)

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            # Itself, not `unshare`: who changes his user is no longer killed with his parent.
            os.kill(self.pid(), signal.SIGKILL)
            self.process.wait(timeout=10)
        self.ear.close()
        (self.machine.root / f"run/notify-{self.unit}").unlink(missing_ok=True)


class Machine:
    """One Debian of its own, unpacked; removed at the end with all that runs there."""

    def __init__(self, tar):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="alarmwire-pk-", dir="/var/tmp"))
        self.root = self.folder / "root"
        self.root.mkdir()
        self.net = net.Namespace(f"aw-pk-{net.new_run_id()}")
        self.daemons = []
        output("tar", "-xf", tar, "-C", self.root)
        self.root.chmod(0o755)
        self.folder.chmod(0o755)
        for name, numbers in (("null", (1, 3)), ("zero", (1, 5)), ("urandom", (1, 9)), ("net/tun", (10, 200))):
            node = self.root / "dev" / name
            node.parent.mkdir(parents=True, exist_ok=True)
            node.unlink(missing_ok=True)
            os.mknod(node, 0o20666, os.makedev(*numbers))
            node.chmod(0o666)

    def run(self, *argv, ok=True, environment=None):
        """A command inside; (exit code, words), or RuntimeError where it must not fail."""
        inside = f"mount -t proc proc {self.root}/proc && exec chroot {self.root} \"$@\""
        done = subprocess.run(
            ["ip", "netns", "exec", self.net.name, "unshare", "--mount", "--pid", "--fork",
             "--kill-child", "sh", "-c", inside, "sh", *map(str, argv)],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                 "DEBIAN_FRONTEND": "noninteractive", **(environment or {})})
        if ok and done.returncode != 0:
            raise RuntimeError(f"{argv}: exit {done.returncode}:\n{done.stdout[-3000:]}")
        return done.returncode, done.stdout

    def dpkg(self, *argv, ok=True):
        """dpkg, with packages of this machine by their path; what it said."""
        inside = []
        for word in argv:
            if isinstance(word, pathlib.Path):
                shutil.copy(word, self.root / "var/tmp" / word.name)
                word = f"/var/tmp/{word.name}"
            inside.append(word)
        return self.run("dpkg", *inside, ok=ok)

    def version(self, package):
        """(state, version) as dpkg has it."""
        code, said = self.run("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package,
                              ok=False)
        return tuple(said.split()) if code == 0 else ("absent", "")

    def unit_file(self, unit):
        return self.root / f"usr/lib/systemd/system/{unit}.service"

    def start(self, unit):
        made = Daemon(self, unit)
        self.daemons.append(made)
        return made.start()

    def as_user(self, uid, gid, groups, *argv):
        return self.run("setpriv", f"--reuid={uid}", f"--regid={gid}", f"--groups={groups}", *argv,
                        ok=False)

    def remove(self):
        for daemon in self.daemons:
            daemon.remove()
        self.net.remove()
        shutil.rmtree(self.folder)


def repack(package, folder, version, change=None):
    """The same package as another version; `change(tree)` may edit it."""
    tree = folder / "tree"
    output("dpkg-deb", "-R", package, tree)
    was = field(package, "Version")
    for name, line in (("control", "Version: "), ("preinst", "version=")):
        path = tree / "DEBIAN" / name
        path.write_text(path.read_text().replace(f"{line}{was}\n", f"{line}{version}\n"))
    if change:
        change(tree)
    made = folder / package.name.replace(was, version)
    output("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", tree, made)
    shutil.rmtree(tree)
    return made
