#!/usr/bin/python3
"""Days on which a box cannot be enrolled: it says why while the person waits, stays cleanly
un-enrolled, and is enrolled as soon as it can be."""

import json
import threading

from harness.case import EndToEnd, main
from harness.clock import shift_wall_clock
from harness.mails import plain_mail, send
from harness.net import run
from harness.process import UID_TUNNEL
from harness.world import CENTRE_ADDRESS, World, ask, wait_for

YEAR_S = 365 * 86400


class Enrolling:
    """`alarmwire enrol` while it runs: what it has said so far, and how it ends."""

    def __init__(self, box, ticket):
        self.process = box.start_enrolling(ticket)
        self.states = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.states.append(json.loads(line))

    def wait_for_words(self, step, *words, within_s=40):
        def said():
            return next((state for state in list(self.states) if state.get("step") == step and
                         all(word in state["text"] for word in words)), None)
        try:
            return wait_for(f"{step}: {words}", said, within_s)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it said {self.states}") from error

    def end(self, within_s=60):
        self.process.wait(within_s)
        self.reader.join(10)
        self.process.stdout.close()
        return self.process.returncode, self.states[-1]["step"] if self.states else ""

    def give_up(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(10)
        self.process.stdout.close()


class EnrolmentDays(EndToEnd):
    def world_of(self, prepare=None):
        self.world = World(by_ticket=True, prepare=prepare).__enter__()
        self.addCleanup(self.world.__exit__, None, None, None)
        self.box, self.centre = self.world.box, self.world.centre
        wait_for("the tunnel at the centre", lambda: self.centre.status()["tunnel"]["reachable"])
        return wait_for("a ticket", lambda: self.centre.ticket("site-1"))["text"]

    def enrolling(self, ticket):
        made = Enrolling(self.box, ticket)
        self.addCleanup(made.give_up)
        return made

    def judge_enrolled(self):
        reply = send(self.box, plain_mail("after-1"))
        self.assertEqual((reply.code, reply.stage), (250, "stored"), reply)
        self.assert_none_missing(self.centre.mailbox.wait_for(["after-1"], 20))

    def judge_not_enrolled(self):
        self.assertFalse((self.box.folder / "edge/box.json").exists())
        self.assertEqual(send(self.box, plain_mail("before-1")).stage, "spooled")

    def test_udp_is_blocked_and_then_it_is_not(self):
        ticket = self.world_of()
        self.world.black_hole()
        enrolling = self.enrolling(ticket)
        enrolling.wait_for_words("network", CENTRE_ADDRESS, "UDP")
        self.judge_not_enrolled()
        self.world.end_black_hole()
        self.assertEqual(enrolling.end(), (0, "done"), enrolling.states)
        self.judge_enrolled()

    def test_dns_is_dead_and_then_alive(self):
        def prepare(world):
            self.hosts = world.folder / "hosts"
            self.hosts.write_text("127.0.0.1 localhost\n")
            world.box.tunnel.prepare += f"\nmount --bind {self.hosts} /etc/hosts"
            world.endpoints = ["centre.alarmwire.test:51820"]

        ticket = self.world_of(prepare)
        enrolling = self.enrolling(ticket)
        self.assertIn("DNS", enrolling.wait_for_words("network", "centre's address")["advice"])
        self.judge_not_enrolled()
        self.hosts.write_text(f"127.0.0.1 localhost\n{CENTRE_ADDRESS} centre.alarmwire.test\n")
        self.assertEqual(enrolling.end(90), (0, "done"), enrolling.states)
        self.judge_enrolled()

    def test_an_impostor_with_another_key_hears_nothing(self):
        ticket = self.world_of()
        # Same address, same port, same range, a key of its own: packets for the true centre's key
        # mean nothing to it.
        key = self.centre.folder / "tunnel/private.key"
        true_key, true_public = key.read_bytes(), key.with_suffix(".key.pub").read_bytes()
        self.centre.tunnel.stop()
        key.unlink()
        self.world.generate_key(key)
        self.centre.tunnel.start()
        wait_for("the impostor's tunnel", lambda: ask(self.centre.tunnel_socket, "status"))
        self.assertNotEqual(key.with_suffix(".key.pub").read_bytes(), true_public)
        enrolling = self.enrolling(ticket)
        enrolling.wait_for_words("network", CENTRE_ADDRESS)
        self.judge_not_enrolled()
        self.assertEqual([box for box in self.centre.alarmwire("box", "list").get("enrolled", [])
                          if box["state"] != "revoked"], [])
        self.centre.tunnel.stop()
        key.write_bytes(true_key)
        key.with_suffix(".key.pub").write_bytes(true_public)
        self.centre.tunnel.start()
        self.assertEqual(enrolling.end(90), (0, "done"), enrolling.states)
        self.judge_enrolled()

    def test_the_clock_of_the_box_is_years_off(self):
        for years in (-20, 20):
            with self.subTest(years=years):
                def prepare(world):
                    for program in (world.box.edge, world.box.tunnel):
                        shift_wall_clock(program, world.folder, years * YEAR_S)

                enrolling = self.enrolling(self.world_of(prepare))
                self.assertEqual(enrolling.end(), (0, "done"), enrolling.states)
                self.judge_enrolled()
                self.doCleanups()

    def test_the_disk_of_the_box_is_full(self):
        def prepare(world):
            world.mount_small_disk(world.box.folder / "tunnel", 1 << 20, UID_TUNNEL)

        ticket = self.world_of(prepare)
        disk = self.box.folder / "tunnel"
        ballast = disk / "ballast"
        run("dd", "if=/dev/zero", f"of={ballast}", "bs=4096", check=False)
        code, step = self.enrolling(ticket).end()
        self.assertEqual((code, step), (1, "refused"))
        self.assertFalse((disk / "identity.json").exists())
        self.judge_not_enrolled()
        ballast.unlink()
        enrolling = self.enrolling(ticket)
        self.assertEqual(enrolling.end(), (0, "done"), enrolling.states)
        self.judge_enrolled()


if __name__ == "__main__":
    main()
