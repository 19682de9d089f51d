#!/usr/bin/python3
"""How the daemons start, stop and re-read their configuration."""

import re
import signal
import subprocess
import time

from harness.case import EndToEnd, main
from harness.mails import Load, plain_mail, send
from harness.world import World, wait_for

STOP_WITHIN_S = 5


class Daemons(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
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
        for program in (self.centre.receiver, self.centre.tunnel, self.box.tunnel):
            program.signal(signal.SIGHUP)
        time.sleep(1)
        for program in (self.centre.receiver, self.centre.tunnel, self.box.tunnel):
            self.assertTrue(program.running(), program.name)
        self.assertEqual(send(self.box, plain_mail("after-hup")).stage, "stored")

    def reload(self, text):
        self.box.edge_config.write_text(text)
        self.box.edge.signal(signal.SIGHUP)

    def lane_of(self, recipient):
        reply = send(self.box, plain_mail(f"lane-{time.monotonic_ns()}"), recipient=recipient)
        return self.box.alarmwire("alarm", "show", reply.alarm_id)["lane"]


if __name__ == "__main__":
    main()
