"""Runs a service's program in a chroot as its unit says: user, groups, folders, capabilities, system
calls. systemd does more (mounts); what a daemon could miss most easily is here.

usage: as_unit.py ROOT UNIT_FILE      inside the namespaces that it is to live in
"""

import ctypes
import ctypes.util
import os
import pathlib
import shlex
import subprocess
import sys

PR_CAPBSET_DROP, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 24, 8, 47, 2
CAPABILITIES = {"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12}
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, EPERM = 0x7FFF0000, 0x00050000, 1
libc = ctypes.CDLL(None, use_errno=True)


def service_of(unit_file):
    """The [Service] section: key → its values, in order; an empty one forgets those before it."""
    found, section = {}, ""
    for line in pathlib.Path(unit_file).read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key] = found.get(key, []) + [value] if value else []
    return found


def calls_of(filters):
    """The system calls that SystemCallFilter= lines leave, as systemd reads them."""
    def expand(words):
        for word in words:
            if not word.startswith("@"):
                yield word
                continue
            said = subprocess.run(["systemd-analyze", "syscall-filter", word], check=True,
                                  capture_output=True, text=True).stdout
            yield from expand([line.strip() for line in said.splitlines()[1:]
                               if line.strip() and not line.strip().startswith("#")])

    allowed = set(expand(["@default"]))
    for line in filters:
        calls = set(expand(line.lstrip("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed | set(expand(["@default"]))


class SystemCalls:
    def __init__(self, allowed):
        self.library = ctypes.CDLL(ctypes.util.find_library("seccomp"))
        self.library.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.library.seccomp_init(SCMP_ACT_ERRNO | EPERM))
        for name in allowed:
            number = self.library.seccomp_syscall_resolve_name(name.encode())
            if number >= 0:
                check(self.library.seccomp_rule_add(self.context, SCMP_ACT_ALLOW, number, 0), name)

    def hold(self):  # sets no_new_privs as well
        check(self.library.seccomp_load(self.context), "seccomp")


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def keep_only(capabilities):
    """As an ordinary user already: these and no others, also over exec."""
    numbers = [CAPABILITIES[name] for name in capabilities]
    bits = sum(1 << number for number in numbers)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0)  # effective, permitted, inheritable
    check(libc.capset(header, sets), "capset")
    for number in numbers:
        check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0), "ambient")


def words(service, key):
    return " ".join(service.get(key, [])).split()


def accounts(path, field):
    rows = (line.split(":") for line in pathlib.Path(path).read_text().splitlines())
    return {row[0]: int(row[field]) for row in rows}


def main(root, unit_file):
    service = service_of(unit_file)
    calls = SystemCalls(calls_of(service["SystemCallFilter"]))
    os.chroot(root)
    os.chdir("/")
    uid = accounts("/etc/passwd", 2)[service["User"][-1]]
    groups = accounts("/etc/group", 2)
    gid = groups[service["Group"][-1]]
    for base, key, mode in (("/run", "RuntimeDirectory", 0o755), ("/var/lib", "StateDirectory", 0o700)):
        for name in words(service, key):
            folder = pathlib.Path(base, name)
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, uid, gid)
            folder.chmod(mode)
    for number in range(64):
        if number not in [CAPABILITIES[name] for name in words(service, "CapabilityBoundingSet")]:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([groups[name] for name in words(service, "SupplementaryGroups")])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    keep_only(words(service, "AmbientCapabilities"))
    os.umask(int(service["UMask"][-1], 8))
    calls.hold()
    argv = shlex.split(service["ExecStart"][-1])
    os.execve(argv[0], argv, {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        **{key: os.environ[key] for key in ("NOTIFY_SOCKET",) if key in os.environ},
        "WATCHDOG_USEC": str(int(service["WatchdogSec"][-1]) * 1_000_000)})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
