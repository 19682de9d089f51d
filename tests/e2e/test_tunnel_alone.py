#!/usr/bin/python3
"""alarmwire-tunnel by itself, on two machines, with real wireguard-go. Prints the times of recovery.

`ALARMWIRE_LONG=1` holds the black hole for 30 s instead of 9.
"""
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

import tunnel_lab
from tunnel_lab import BOX_IPS, CENTRE_IP, PORT, PREFIX, WAN_BOX_IP, Lab, wait_for

PROGRAM = os.path.join(os.environ.get("ALARMWIRE_BIN", "build/dev/bin"), "alarmwire-tunnel")
BLACK_HOLE_S = 30 if os.environ.get("ALARMWIRE_LONG") else 9


def say(text):
    print(f"    {text}", flush=True)


class Capture:
    """Counts packets of the tunnel's prefix in clear on the cable."""

    def __init__(self, lab, name="box", interface="up0", what=f"ip6 net {PREFIX}"):
        self.process = lab.background(name, "tcpdump", "-ni", interface, "-l", "--immediate-mode",
                                      what, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "listening on" in line:
                break

    def lines(self):
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=5)
        return [line for line in out.splitlines() if line]


class Together(unittest.TestCase):
    """One pair of daemons through all the bad days."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(PROGRAM).__enter__()
        cls.addClassCleanup(lambda: cls.lab.__exit__(sys.exc_info()[0], None, None))
        cls.lab.centre.start()
        cls.lab.box.start()
        cls.centre = cls.lab.address("centre")
        cls.box = cls.lab.address("box")

    def setUp(self):
        self.back(20)

    def back(self, limit_s):
        return self.lab.time_until_ping(self.centre, limit_s)

    def kill_wireguard(self, daemon):
        for child in daemon.children():
            os.kill(child, signal.SIGKILL)

    def test_a_status_tells_backend_and_handshake(self):
        status = self.lab.box.status()
        self.assertIn(status["backend"], ("kernel", "userspace"))
        self.assertEqual(status["mtu"], 1280)
        wait_for("handshake", lambda: self.lab.box.peer()["handshake_age_ms"] is not None, 3)
        route = self.lab.inside("box", "ip", "-6", "route")
        self.assertIn("advmss 1220", route)
        self.assertIn(f"unreachable {PREFIX}", route)
        addresses = self.lab.inside("box", "ip", "-6", "addr", "show", self.lab.box_interface)
        self.assertNotIn("fe80", addresses)

    def test_b_only_the_link_port_is_open(self):
        def reaches(source, target, port):
            with tunnel_lab.socket_inside(self.lab.ns(source), socket.AF_INET6,
                                          socket.SOCK_STREAM) as s:
                s.settimeout(0.4)
                try:
                    s.connect((target, port))
                    return True
                except ConnectionRefusedError:
                    return True
                except OSError:
                    return False

        self.assertTrue(reaches("box", self.centre, 7411))
        self.assertFalse(reaches("box", self.centre, 22))
        self.assertFalse(reaches("centre", self.box, 7411), "a box takes nothing new")
        # A machine outside knows the way to the tunnel address over the cable.
        self.lab.inside("wan", "ip", "-6", "route", "add", PREFIX, "via", "2001:db8:2::2")
        try:
            self.assertFalse(reaches("wan", self.centre, 7411), "entered beside the tunnel")
        finally:
            self.lab.inside("wan", "ip", "-6", "route", "del", PREFIX)

    def test_c_nothing_is_forwarded_out_of_the_tunnel(self):
        self.lab.inside("centre", "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        self.lab.inside("box", "ip", "-6", "route", "add", "2001:db8:1:f::/64", "dev",
                        self.lab.box_interface)
        ruleset = self.lab.inside("centre", "nft", "list", "chain", "inet",
                                  f"alarmwire_{self.lab.centre_interface}", "forward")
        self.assertEqual(ruleset.count("drop"), 4)
        self.lab.inside("centre", "sysctl", "-qw", "net.ipv6.conf.all.forwarding=0")

    def test_d_wireguard_killed_leaks_nothing_and_comes_back(self):
        before = self.lab.box.status()["restarts"]
        capture = Capture(self.lab)
        proof = Capture(self.lab, what="udp")  # the capture itself works
        with self.lab.probe(self.centre) as probe:
            for _ in range(4):
                self.kill_wireguard(self.lab.box)
                for _ in range(12):
                    probe.once(0.03)
        took = self.back(15)
        say(f"wireguard-go killed 4 times: back {took:.2f} s after the last second of it")
        self.assertEqual(capture.lines(), [], "packets of the tunnel left in clear")
        self.assertNotEqual(proof.lines(), [])
        self.assertGreaterEqual(self.lab.box.status()["restarts"], before + 4)

    def test_e_wireguard_killed_once(self):
        time.sleep(0.5)
        self.kill_wireguard(self.lab.box)
        took = self.back(10)
        say(f"box's wireguard-go killed: back after {took:.2f} s")
        time.sleep(1.2)  # the centre looks each second
        self.kill_wireguard(self.lab.centre)
        took = self.back(10)
        say(f"centre's wireguard-go killed: back after {took:.2f} s")

    def test_f_interface_deleted(self):
        capture = Capture(self.lab)
        self.lab.inside("box", "ip", "link", "del", self.lab.box_interface)
        took = self.back(10)
        say(f"box's interface deleted: back after {took:.2f} s")
        self.assertEqual(capture.lines(), [])

    def test_g_address_and_route_put_right(self):
        self.lab.inside("box", "ip", "-6", "addr", "flush", "dev", self.lab.box_interface)
        self.lab.inside("box", "ip", "-6", "route", "flush", "root", PREFIX)
        took = self.back(5)
        say(f"address and routes flushed: back after {took:.2f} s")

    def test_h_centre_restarted(self):
        self.lab.box.stream(True)
        code, took = self.lab.centre.stop()
        self.assertEqual(code, 0)
        self.assertLess(took, 2)
        kicks = self.lab.box.peer()["kicks"]
        began = time.monotonic()
        self.lab.centre.start(wait=False)
        self.back(10)
        say(f"centre restarted, it initiates: back {time.monotonic() - began:.2f} s after its start")
        self.assertEqual(self.lab.box.peer()["kicks"], kicks)

    def test_i_centre_forgot_the_box(self):
        """The box must act: its stream breaks, it kicks."""
        self.lab.box.stream(True)
        self.lab.centre.stop()
        os.unlink(os.path.join(self.lab.centre.directory, "endpoints.json"))
        self.lab.centre.start()
        kicks = self.lab.box.peer()["kicks"]
        began = time.monotonic()
        self.lab.box.stream(False)
        self.back(6)
        say(f"centre without memory: back {time.monotonic() - began:.2f} s after the broken stream")
        self.assertGreaterEqual(self.lab.box.peer()["kicks"], kicks + 1)
        self.lab.box.stream(True)

    def test_j_box_address_changed(self):
        time.sleep(1.2)
        began = time.monotonic()
        self.change_address(BOX_IPS[0], BOX_IPS[1])
        self.back(10)
        say(f"box's address changed under traffic: back after {time.monotonic() - began:.2f} s")
        time.sleep(1.2)
        # Idle: only the supervisor can tell the centre, which is asked for the way back.
        self.change_address(BOX_IPS[1], BOX_IPS[0])
        began = time.monotonic()
        wait_for("the centre knows the new address", lambda: self.lab.centre.peer()["endpoint"]
                 .startswith(BOX_IPS[0] + ":"), 5)
        say(f"box's address changed, idle: known after {time.monotonic() - began:.2f} s (polled)")

    def change_address(self, old, new):
        self.lab.inside("box", "ip", "addr", "del", f"{old}/24", "dev", "up0")
        self.lab.inside("box", "ip", "addr", "add", f"{new}/24", "dev", "up0")
        self.lab.inside("box", "ip", "route", "replace", "default", "via", WAN_BOX_IP)

    def test_k_black_hole(self):
        self.lab.box.stream(True)
        self.lab.cut()
        began = time.monotonic()
        time.sleep(min(8, BLACK_HOLE_S - 1))
        self.lab.box.stream(False)  # as the edge daemon does after 5 + 3 s
        with self.lab.probe(self.centre) as probe:
            while time.monotonic() - began < BLACK_HOLE_S:
                self.assertFalse(probe.once(0.5))
        self.lab.restore()
        took = self.back(8)
        say(f"black hole of {BLACK_HOLE_S} s: back {took:.2f} s after the end")
        self.lab.box.stream(True)

    def test_l_mtu_black_hole(self):
        self.lab.inside("wan", "nft", "add rule inet cut f meta length > 1400 drop")
        server = tunnel_lab.socket_inside(self.lab.ns("centre"), socket.AF_INET6,
                                          socket.SOCK_STREAM)
        client = tunnel_lab.socket_inside(self.lab.ns("box"), socket.AF_INET6, socket.SOCK_STREAM)
        with server, client:
            server.bind((self.centre, 7411))
            server.listen()
            client.settimeout(5)
            client.connect((self.centre, 7411))
            taken, _ = server.accept()
            began = time.monotonic()
            client.sendall(b"x" * 102400)
            taken.settimeout(5)
            got = 0
            while got < 102400:
                got += len(taken.recv(65536))
            taken.close()
        say(f"100 KiB past a silent MTU black hole: {(time.monotonic() - began) * 1000:.0f} ms")
        self.lab.restore()

    def test_m_reload(self):
        good = self.lab.centre.write_config
        time.sleep(1.2)  # the centre looks each second
        handshake = self.lab.centre.peer()["handshake_age_ms"]
        extra = subprocess.run(["wg", "pubkey"], input=tunnel_lab.run("wg", "genkey"), text=True,
                               capture_output=True, check=True).stdout.strip()
        self.reload(good() + f'[[box]]\nid = "site-b"\npublic_key = "{extra}"\n')
        wait_for("second box", lambda: len(self.lab.centre.status()["peers"]) == 2, 5)
        self.assertGreaterEqual(self.lab.centre.peer()["handshake_age_ms"], handshake)
        self.reload(good() + '[[box]]\nid = "Site B"\n')
        wait_for("refusal", lambda: "TUNNEL_RELOAD_REFUSED" in open(self.lab.centre.log).read(), 5)
        self.assertEqual(len(self.lab.centre.status()["peers"]), 2)
        checked = subprocess.run([PROGRAM, "--config", self.lab.centre.config, "--check-config"],
                                 capture_output=True, text=True)
        self.assertEqual(checked.returncode, 78)
        self.assertRegex(checked.stderr, r"tunnel\.toml:\d+:\d+: box\[1\]\.id")
        self.reload(good())
        wait_for("one box again", lambda: len(self.lab.centre.status()["peers"]) == 1, 5)
        self.back(2)

    def reload(self, text):
        with open(self.lab.centre.config, "w") as f:
            f.write(text)
        self.lab.centre.process.send_signal(signal.SIGHUP)

    def test_y_daemon_killed_leaks_nothing(self):
        capture = Capture(self.lab)
        children = self.lab.box.children()
        self.lab.box.kill()
        wait_for("wireguard-go goes with it",
                 lambda: not any(os.path.exists(f"/proc/{c}/exe") for c in children), 3)
        with self.lab.probe(self.centre) as probe:
            for _ in range(20):
                self.assertFalse(probe.once(0.03))
        began = time.monotonic()
        self.lab.box.start(wait=False)
        self.back(10)
        say(f"box's daemon killed: back {time.monotonic() - began:.2f} s after its start")
        self.assertEqual(capture.lines(), [])

    def test_z_stopped_leaks_nothing(self):
        code, took = self.lab.box.stop()
        self.assertEqual(code, 0)
        self.assertLess(took, 2)
        say(f"SIGTERM: stopped in {took:.2f} s")
        self.assertEqual(self.lab.inside("box", "nft", "list", "tables"), "")
        capture = Capture(self.lab)
        with self.lab.probe(self.centre) as probe:
            for _ in range(10):
                self.assertFalse(probe.once(0.03))
        self.assertEqual(capture.lines(), [])
        self.lab.box.start()


class Apart(unittest.TestCase):
    def test_unprivileged(self):
        with Lab(PROGRAM, box_uid=65534) as lab:
            lab.centre.start()
            lab.box.start()
            lab.time_until_ping(lab.address("centre"), 10)
            for pid in [lab.box.process.pid, *lab.box.children()]:
                with open(f"/proc/{pid}/status") as f:
                    fields = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
                self.assertEqual(fields["CapEff"], "0000000000001000")  # CAP_NET_ADMIN alone
                self.assertEqual(fields["Uid"].split()[1], "65534")
                self.assertEqual(fields["NoNewPrivs"], "1")
            detail = lab.inside("box", "ip", "-d", "link", "show", lab.box_interface)
            self.assertIn("persist on", detail)
            for child in lab.box.children():
                os.kill(child, signal.SIGKILL)
            took = lab.time_until_ping(lab.address("centre"), 10)
            say(f"unprivileged, wireguard-go killed: back after {took:.2f} s")

    def test_without_permission_it_says_so(self):
        with Lab(PROGRAM) as lab:
            lab.box.prepare()
            done = subprocess.run(
                ["ip", "netns", "exec", lab.ns("box"), "setpriv", "--bounding-set=-net_admin",
                 PROGRAM, "--config", lab.box.config], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertIn("CAP_NET_ADMIN is missing", done.stderr)

    def test_the_usual_port_is_blocked_and_443_is_not(self):
        lab = Lab(PROGRAM, endpoints=[f"{CENTRE_IP}:{PORT}", f"{CENTRE_IP}:443"])
        lab.more_of_centre = "more_listen_ports = [443]\n"
        with lab:
            lab.inside("wan", "nft", "table inet blocked { chain forward { "
                       "type filter hook forward priority 0; "
                       f"udp dport {PORT} drop; udp sport {PORT} drop; }}; }}")
            lab.centre.start()
            lab.box.start()
            took = lab.time_until_ping(lab.address("centre"), 30)
            say(f"first port blocked: up by UDP 443 after {took:.2f} s")
            self.assertIn(f"{CENTRE_IP}:443", str(lab.box.status()))
            # A port that nobody configured leads nowhere.
            lab.centre.stop()
            lab.more_of_centre = ""
            lab.centre.start()
            with self.assertRaises(AssertionError):
                lab.time_until_ping(lab.address("centre"), 8)

    def test_names_and_dead_addresses(self):
        """The name has a dead address first, of the other family; the right one is found."""
        with Lab(PROGRAM, endpoints=[f"centre.test:{PORT}"]) as lab:
            with open(lab.box.hosts, "w") as f:
                f.write(f"127.0.0.1 localhost\n2001:db8:2::99 centre.test\n{CENTRE_IP} centre.test\n")
            lab.centre.start()
            lab.box.start()
            began = time.monotonic()
            lab.time_until_ping(lab.address("centre"), 20)
            say(f"two addresses, the first dead: up after {time.monotonic() - began:.2f} s")
            wait_for("remembered", lambda: CENTRE_IP in open(
                os.path.join(lab.box.directory, "endpoints.json")).read(), 5)
            lab.box.stop()
            with open(lab.box.hosts, "w") as f:
                f.write("127.0.0.1 localhost\n")
            lab.box.start()
            took = lab.time_until_ping(lab.address("centre"), 5)
            say(f"restart without DNS: the last good address is known, up after {took:.2f} s")


if __name__ == "__main__":
    tunnel_lab.skip_unless_possible()
    unittest.main(verbosity=2, warnings="ignore")
