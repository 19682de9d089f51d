"""Network namespaces of one run: both ends of every cable are inside namespaces made here."""

import ctypes
import os
import secrets
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class NetError(RuntimeError):
    pass


def run(*argv, check=True, input=None, timeout_s=30):
    """A command to its end; its output, or NetError with what it said."""
    done = subprocess.run(
        argv, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=timeout_s, stdin=None if input is not None else subprocess.DEVNULL,
    )
    if check and done.returncode != 0:
        raise NetError(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def new_run_id():
    return secrets.token_hex(3)


class Namespace:
    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")
        # No duplicate-address wait: a test should not sleep for it.
        self.sysctl("net/ipv6/conf/default/accept_dad", 0)

    @property
    def path(self):
        return f"/run/netns/{self.name}"

    def ip(self, *argv, check=True):
        return run("ip", "-n", self.name, *argv, check=check)

    def inside(self, *argv, **how):
        return run("ip", "netns", "exec", self.name, *argv, **how)

    def sysctl(self, key, value):
        self.inside("sh", "-c", f"echo {value} > /proc/sys/{key}")

    def nft(self, rules, check=True):
        return self.inside("nft", "-f", "-", input=rules, check=check)

    def pids(self):
        return [int(pid) for pid in run("ip", "netns", "pids", self.name, check=False).split()]

    def remove(self):
        run("ip", "netns", "del", self.name, check=False)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        """A socket of this process that lives in this namespace."""
        made = {}

        def work():  # setns is per thread: this thread ends with it
            handle = os.open(self.path, os.O_RDONLY)
            try:
                if _libc.setns(handle, CLONE_NEWNET) != 0:
                    made["error"] = OSError(ctypes.get_errno(), "setns")
                    return
                made["socket"] = socket.socket(family, kind)
            except OSError as error:
                made["error"] = error
            finally:
                os.close(handle)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if "error" in made:
            raise made["error"]
        return made["socket"]


def cable(one, one_name, other, other_name):
    """A veth pair, made inside the two namespaces: the host never sees an end of it."""
    run("ip", "link", "add", one_name, "netns", one.name, "type", "veth",
        "peer", "name", other_name, "netns", other.name)
    one.ip("link", "set", one_name, "up")
    other.ip("link", "set", other_name, "up")


def address(namespace, interface, *addresses):
    for each in addresses:
        namespace.ip("address", "add", each, "dev", interface)
