#!/usr/bin/python3
"""What the Internet sees of the link: WireGuard's UDP port and nothing else, also when the tunnel
is gone under the daemons' feet."""

import time

from harness.case import EndToEnd, main
from harness.mails import plain_mail, send, tcp_probe
from harness.net import run
from harness.process import Program
from harness.world import CENTRE_ADDRESS, World

# Neighbour discovery, its IPv6 sisters and "unreachable" answers belong to any Ethernet.
TUNNEL = "udp port 51820"
# Multicast listener reports (RFC 3810 5.2.14) are ICMPv6 behind a hop-by-hop header, where "icmp6" does
# not look: the kernel sends them when an interface comes up, to this one address on the wire.
LISTENER_REPORT = "(ip6 and src net fe80::/10 and dst host ff02::16)"
PLUMBING = f"arp or icmp or icmp6 or {LISTENER_REPORT}"


class PacketCapture(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.centre = cls.world.box, cls.world.centre

    def setUp(self):
        self.file = self.world.folder / f"{self._testMethodName}.pcap"
        log = self.world.folder / f"{self._testMethodName}.log"
        self.tcpdump = Program("tcpdump", self.world.wan,
                               ["tcpdump", "-Z", "root", "-i", "any", "--immediate-mode", "-U", "-n", "-w", self.file],
                               log=log).start()
        self.world.extra_programs.append(self.tcpdump)
        while "listening on" not in log.read_text():
            time.sleep(0.05)

    def captured(self, expression):
        text = run("tcpdump", "-n", "-r", str(self.file), expression)
        return [line for line in text.splitlines() if " IP" in line or " ARP" in line]

    def judge(self):
        time.sleep(0.5)
        self.tcpdump.stop()
        seen = self.captured(TUNNEL)
        beside = self.captured(f"not ({TUNNEL}) and not ({PLUMBING})")
        self.assertTrue(seen, "the capture saw no tunnel at all: it proves nothing")
        self.assertFalse(beside, f"left beside the tunnel: {beside[:5]}")
        self.say(f"{len(seen)} packets of the tunnel, none beside it")

    def test_an_ordinary_alarm(self):
        self.assertEqual(send(self.box, plain_mail("cap-1", size_bytes=20000)).stage, "stored")
        self.judge()

    def test_wireguard_go_killed_while_mails_flow(self):
        send(self.box, plain_mail("cap-2"))
        for tunnel in (self.box.tunnel, self.centre.tunnel):
            for child in tunnel.children():
                self.world.kill_child(tunnel, child)
            for number in range(5):
                send(self.box, plain_mail(f"cap-{tunnel.name}-{number}"), timeout_s=10)
        self.box.wait_for_link(30)
        self.judge()

    def test_tunnel_daemon_gone_with_its_interface(self):
        send(self.box, plain_mail("cap-3"))
        self.box.tunnel.kill()
        for pid in self.box.netns.pids():
            if pid not in (self.box.edge.pid,):
                self.world.kill_pid_of_run(pid)
        self.box.netns.ip("link", "del", "wgbox", check=False)
        replies = [send(self.box, plain_mail(f"cap-gone-{n}"), timeout_s=10) for n in range(5)]
        self.assertTrue(all(reply.stage == "spooled" for reply in replies), replies)
        time.sleep(3)
        self.box.tunnel.start()
        self.box.wait_for_link(30)
        missing = self.centre.mailbox.wait_for([f"cap-gone-{n}" for n in range(5)], 20)
        self.assert_none_missing(missing)
        self.judge()

    def test_nothing_but_wireguard_is_open_to_the_internet(self):
        for address, port in ((CENTRE_ADDRESS, 7411), (CENTRE_ADDRESS, 2525),
                              (CENTRE_ADDRESS, 25), (self.box.addresses[0], 25),
                              (self.box.addresses[0], 7411)):
            self.assertNotEqual(tcp_probe(self.world.wan, address, port, 1), "open",
                                f"{address}:{port}")
        self.tcpdump.stop()


if __name__ == "__main__":
    main()
