#!/usr/bin/python3
"""How the daemons start, stop and re-read their configuration."""

import contextlib
import pathlib
import re
import signal
import subprocess
import threading
import time

from harness.case import EndToEnd, main
from harness.faults import all_faults
from harness.mails import Load, plain_mail, send
from harness.world import World, ask, wait_for

STOP_WITHIN_S = 5
PASS_THROUGH = 2525
COMMIT_S = 8  # longer than `ack_wait`, and than a stop is patient


class Daemons(EndToEnd):
    @classmethod
    def setUpClass(cls):
        def prepare(world):
            world.box.listeners.append({"name": "pass", "address": world.box.lan_address,
                                        "port": PASS_THROUGH, "reply": "pass-through",
                                        "ack_wait": "5s"})

        cls.world = World(prepare=prepare).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.centre = cls.world.box, cls.world.centre

    def check_config(self, program, path):
        done = subprocess.run([self.world.program(program), "--config", path, "--check-config"],
                              capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def configs(self):
        return (("alarmwire-edge", self.box.edge_config),
                ("alarmwire-receiver", self.centre.receiver_config),
                ("alarmwire-tunnel", self.box.edge_config))

    def test_good_configuration_is_good(self):
        for program, path in self.configs():
            code, text = self.check_config(program, path)
            self.assertEqual(code, 0, f"{program}: {text}")

    def test_broken_configuration_is_78_with_its_place(self):
        for program, path in self.configs():
            text = path.read_text()
            at = text.index("state_directory", text.index("[tunnel]"))  # read by all of them
            line = text[:at].count("\n") + 1
            head, tail = text[:at], text[at:]
            for name, broken in (
                    ("syntax", head + tail.replace(" =", "", 1)),
                    ("unknown key", head + tail.replace("state_directory", "state_directroy", 1)),
                    ("wrong type", text.replace("link_port = 7411", 'link_port = "many"', 1))):
                file = self.world.folder / "broken.toml"
                file.write_text(broken)
                code, said = self.check_config(program, file)
                self.assertEqual(code, 78, f"{program}, {name}: {said}")
                self.assertRegex(said, re.escape(str(file)) + r":\d+:\d+", f"{program}, {name}")
                if name != "wrong type":
                    self.assertIn(f"{file}:{line}:", said)
                if name == "unknown key":
                    self.assertIn("did you mean", said)
                    self.assertIn("state_directory", said)

    def test_sigterm_drains_and_stops_within_5_s(self):
        load = Load(self.box, devices=4, mails_per_device=500, prefix="term").start()
        try:
            time.sleep(1)
            for program in (self.box.edge, self.centre.receiver, self.centre.tunnel,
                            self.box.tunnel):
                seconds = program.stop(within_s=STOP_WITHIN_S + 3)
                self.say(f"{program.name} stopped in {seconds:.2f} s")
                self.assertLess(seconds, STOP_WITHIN_S, program.name)
                self.assertEqual(program.process.returncode, 0, program.last_words())
                program.start()
                if program is self.box.edge:
                    self.box.wait_for_door()
                if program is self.centre.receiver:
                    self.centre.wait_for_receiver()
        finally:
            load.stop()
        missing = self.centre.mailbox.wait_for([r.test_id for r in load.replies], 60)
        self.assert_none_missing(missing)

    def test_sighup_swaps_a_good_configuration_and_keeps_running_on_a_bad_one(self):
        good = self.box.edge_config.read_text()
        self.addCleanup(self.reload, good)
        self.reload(good.replace('recipient = "routine-*@*"', 'recipient = "daily-*@*"', 1))
        wait_for("the new rule", lambda: self.lane_of("daily-1@edge.internal") == "routine")
        self.reload(good.replace("[smtp]", "[smtpd]", 1))
        time.sleep(0.5)
        self.assertTrue(self.box.edge.running(), "a broken file must not end the daemon")
        self.assertEqual(self.lane_of("daily-2@edge.internal"), "routine",
                         "the last good configuration must stay")
        log = self.box.edge.log.read_text()
        self.assertIn("edge.toml:", log)

    def test_sighup_is_taken_by_every_daemon(self):
        key = self.world.generate_key(self.centre.folder / "another.key")
        at_centre = (self.centre.receiver_config, self.centre.receiver, self.centre.tunnel)
        at_box = (self.box.edge_config, self.box.tunnel)
        for config, *programs in (at_centre, at_box):
            self.addCleanup(self.rewrite, config, config.read_text(), *programs)
        self.assertEqual((self.known_boxes(), self.known_peers()), ({"site-1"}, {"site-1"}))
        text = self.centre.receiver_config.read_text()
        self.rewrite(at_centre[0], f'{text}\n[[box]]\nid = "site-9"\npublic_key = "{key}"\n',
                     *at_centre[1:])
        text = self.box.edge_config.read_text()
        self.rewrite(at_box[0], text.replace("[tunnel]", "[tunnel]\nallow_tcp_ports = [7499]", 1),
                     *at_box[1:])
        both = {"site-1", "site-9"}
        wait_for("the receiver to know the new box", lambda: self.known_boxes() == both)
        wait_for("its tunnel to know it", lambda: self.known_peers() == both)
        wait_for("the box's tunnel to open the port", lambda: "7499" in
                 self.box.netns.inside("nft", "list", "ruleset"))
        self.assertEqual(send(self.box, plain_mail("after-hup")).stage, "stored")

    def known_boxes(self):
        return {box["id"] for box in self.centre.status()["boxes"]}

    def known_peers(self):
        return {peer["box"] for peer in ask(self.centre.tunnel_socket, "status")["peers"]}

    def test_sigterm_while_a_device_waits_for_the_centre_says_what_is_true(self):
        before = len(all_faults(self.centre.mailbox, "mail-lost"))
        replies = {}

        def wait_in_vain(name, port, device):
            replies[name] = send(self.box, plain_mail(f"term-{name}"), f"term-{name}", port=port,
                                 device=device)

        devices = [threading.Thread(target=wait_in_vain, args=(name, port, device))
                   for device, (name, port) in enumerate((("assured", 25), ("pass", PASS_THROUGH)), 2)]
        with self.slow_ledger():
            for device in devices:
                device.start()
            wait_for("both mails to be spooled",
                     lambda: self.box.status()["spool"]["waiting_records"] == len(devices))
            self.assertEqual(replies, {}, "they wait for the centre")
            self.box.edge.stop()
            for device in devices:
                device.join(timeout=10)
        self.assertEqual((replies["assured"].code, replies["assured"].stage), (250, "spooled"))
        self.assertEqual(replies["pass"].code, 451)
        self.assertIn("will be delivered", replies["pass"].text)
        self.box.edge.start()
        self.box.wait_for_door()
        self.assert_none_missing(self.centre.mailbox.wait_for(["term-assured", "term-pass"], 30))
        wait_for("what the box had to say", lambda:
                 self.box.status()["spool"]["waiting_records"] == 0)
        told = all_faults(self.centre.mailbox, "mail-lost")[before:]
        self.assertEqual([fault.about for fault in told], [self.box.device_address(3)], told)
        self.assertIn("the spooled copy will be delivered", told[0].reason)

    @contextlib.contextmanager
    def slow_ledger(self):
        """Each commit of the centre takes longer than a device waits; its link is alive."""
        argv = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(self.centre.receiver.pid),
                "-e", "trace=fdatasync", "-e", f"inject=fdatasync:delay_enter={COMMIT_S}s"]
        strace = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for("strace", lambda: all(
                "TracerPid:\t0\n" not in (task / "status").read_text() for task in
                pathlib.Path(f"/proc/{self.centre.receiver.pid}/task").iterdir()))
            yield
        finally:
            strace.terminate()
            strace.wait(timeout=30)

    def reload(self, text):
        self.rewrite(self.box.edge_config, text, self.box.edge)

    def rewrite(self, config, text, *programs):
        config.write_text(text)
        for program in programs:
            program.signal(signal.SIGHUP)

    def lane_of(self, recipient):
        reply = send(self.box, plain_mail(f"lane-{time.monotonic_ns()}"), recipient=recipient)
        return self.box.alarmwire("alarm", "show", reply.alarm_id)["lane"]


if __name__ == "__main__":
    main()
