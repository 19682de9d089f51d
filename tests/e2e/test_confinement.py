#!/usr/bin/python3
"""What the daemons that read strangers' bytes can still do (docs/threat-model.md): the kernel's own
word for the running ones, and an intruder's tries under their users."""

import os
import pathlib
import signal
import socket
import subprocess
import sys

from harness import intruder
from harness.case import EndToEnd, main
from harness.faults import wait_for_faults
from harness.mails import plain_mail, send
from harness.process import GID, UID_EDGE, UID_RECEIVER, Program
from harness.world import CENTRE_ADDRESS, World, ask, wait_for

EXECVE = 59
LISTEN_PORT = 8080
UID_OTHER = 64199
NO_CAPABILITIES = "0" * 16

# Answers what a first packet meets: "open", "refused" (by the guard or the far side) or "silent".
TRY = """
import socket, sys
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
made = socket.socket(family, getattr(socket, "SOCK_" + kind))
made.settimeout(3)
try:
    made.connect((address, port))
    made.send(b"x")
    if kind == "DGRAM":
        made.send(b"x")
    print("open")
except TimeoutError:
    print("silent")
except OSError as error:
    print("refused")
"""


def facts_of_threads(pid):
    """/proc/PID/task/*/status, one dictionary a thread."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield dict(line.split(":", 1) for line in lines)


def as_user(uid, *argv):
    return ["setpriv", f"--reuid={uid}", f"--regid={GID}", "--clear-groups", *argv]


class Confinement(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.centre = cls.world.box, cls.world.centre

    def assert_confined(self, program, uid):
        threads = list(facts_of_threads(program.pid))
        self.assertGreater(len(threads), 1, "gRPC's and the store's threads are to be held too")
        for thread in threads:
            facts = {name: value.split() for name, value in thread.items()}
            who = f"{program.name}, thread {facts['Name']}"
            self.assertEqual(facts["Seccomp"], ["2"], who)
            self.assertEqual(facts["NoNewPrivs"], ["1"], who)
            self.assertEqual(set(facts["Uid"]), {str(uid)}, who)
            self.assertNotIn("0", facts["Gid"] + facts["Groups"], who)
            for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                self.assertEqual(facts[name], [NO_CAPABILITIES], f"{who}: {name}")

    def test_no_thread_has_rights(self):
        """The box was started with CAP_NET_BIND_SERVICE, and has it no more."""
        self.assertEqual(send(self.box, plain_mail("confined")).stage, "stored")
        self.assert_confined(self.box.edge, UID_EDGE)
        self.assert_confined(self.centre.receiver, UID_RECEIVER)

    def test_started_as_root_the_box_becomes_its_user(self):
        edge, run = self.box.edge, self.box.folder / "run"
        edge.stop()
        run.chmod(0o777)  # a number that no user list knows has no group but itself
        edge.uid = 0
        self.addCleanup(self.start_box_as, UID_EDGE)
        edge.start()
        self.box.wait_for_door()
        self.box.wait_for_link()
        self.assertEqual(send(self.box, plain_mail("from-root")).stage, "stored")
        self.assert_confined(edge, UID_EDGE)
        for thread in facts_of_threads(edge.pid):
            self.assertEqual(thread["CapBnd"].strip(), NO_CAPABILITIES)

    def start_box_as(self, uid):
        self.box.edge.stop()
        self.box.edge.uid = uid
        self.box.edge.start()
        self.box.wait_for_door()
        self.box.wait_for_link()

    def test_a_new_folder_is_out_of_reach_until_a_restart_and_the_log_says_so(self):
        config = self.box.edge_config.read_text()
        folder = self.world.folder / "new-folder"
        folder.mkdir()
        password = folder / "password"
        password.write_text("Geheim-17\n")
        os.chown(password, UID_EDGE, GID)
        password.chmod(0o600)
        self.addCleanup(self.reload, config)
        self.reload(config + f'\n[[smtp.user]]\nname = "new"\npassword_file = "{password}"\n')
        line = wait_for("the refusal", lambda: [
            line for line in self.box.edge.log.read_text().splitlines()
            if "EDGE_RELOAD_REFUSED" in line and str(password) in line])[-1]
        self.assertIn("only after a restart", line)

    def reload(self, config):
        self.box.edge_config.write_text(config)
        self.box.edge.signal(signal.SIGHUP)

    def test_another_user_is_refused(self):
        """The firewall would not hold it."""
        log = self.world.folder / "stranger.log"
        stranger = Program("stranger", self.box.lan,
                           [self.world.program("alarmwire-edge"), "--config", self.box.edge_config],
                           UID_OTHER, ["net_bind_service"], log)
        config = self.box.edge_config.read_text()
        self.box.edge_config.write_text(config.replace(self.box.lan_address, "127.0.0.1"))
        self.addCleanup(self.box.edge_config.write_text, config)
        stranger.start()
        self.addCleanup(stranger.kill)
        self.assertEqual(stranger.process.wait(timeout=20), 1, log.read_text())
        self.assertIn(f"must run as {UID_EDGE}", log.read_text())

    def attempt(self, uid, kind, address, port):
        return self.box.netns.inside(*as_user(uid, sys.executable, "-c", TRY, kind, address,
                                              str(port))).strip()

    def listen(self, namespace, address):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            made = namespace.socket(kind=kind)
            made.bind((address, LISTEN_PORT))
            if kind == socket.SOCK_STREAM:
                made.listen()
            self.addCleanup(made.close)

    def test_the_box_reaches_the_link_and_nothing_else(self):
        link = ask(self.centre.tunnel_socket, "status")["address"].partition("/")[0]
        device, internet = self.box.device_address(3), CENTRE_ADDRESS
        self.listen(self.box.lan, device)
        self.listen(self.centre.netns, internet)
        self.assertEqual(self.attempt(UID_EDGE, "STREAM", link, 7411), "open")
        self.assertEqual(self.attempt(UID_EDGE, "STREAM", link, 7412), "refused")
        for address in (device, internet):
            for kind in ("STREAM", "DGRAM"):
                self.assertEqual(self.attempt(UID_OTHER, kind, address, LISTEN_PORT), "open",
                                 "the way is there for others: the next line proves something")
                self.assertEqual(self.attempt(UID_EDGE, kind, address, LISTEN_PORT), "refused")

    def test_the_key_is_out_of_reach(self):
        for program, uid, folder in ((self.box.edge, UID_EDGE, self.box.folder),
                                     (self.centre.receiver, UID_RECEIVER, self.centre.folder)):
            key = folder / "tunnel/private.key"
            done = subprocess.run(as_user(uid, "cat", key), capture_output=True, text=True)
            self.assertIn("Permission denied", done.stderr, program.name)
            self.assertNotIn(f'"path":"{key}"', program.log.read_text())

    def test_a_key_in_reach_is_told(self):
        config = self.box.edge_config.read_text()
        key = self.box.folder / "edge/copied.key"
        key.write_text("secret")
        key.chmod(0o644)
        self.addCleanup(self.start_box_as, UID_EDGE)
        self.addCleanup(self.box.edge_config.write_text, config)
        self.box.edge_config.write_text(
            config.replace(str(self.box.folder / "tunnel/private.key"), str(key)))
        self.box.edge.restart()
        self.box.wait_for_door()
        self.assertIn("CONFINE_KEY_IN_REACH", self.box.edge.log.read_text())
        self.assertIn(f'"path":"{key}"', self.box.edge.log.read_text())

    def test_a_taken_over_door_runs_no_program_and_ebues_is_told(self):
        if not intruder.is_possible():
            self.skipTest("x86-64 only")
        for program, wait, start in (
                (self.box.edge, self.box.wait_for_door, "alarmwire-edge"),
                (self.centre.receiver, self.centre.wait_for_receiver, "alarmwire-receiver")):
            intruder.call_inside(program.pid, EXECVE, 0, 0, 0)
            self.assertEqual(program.process.wait(timeout=10), 1, program.last_words())
            program.start()
            wait()
            self.assertIn("CONFINE_INTRUDER", program.log.read_text())
            self.box.wait_for_link()
            told = [fault for fault in wait_for_faults(self.centre.mailbox, "daemon-crashed")
                    if fault.about == start]
            self.assertEqual(len(told), 1, f"no fault of {start} at EBÜS")
            self.assertIn("execve", told[0].reason)
            self.say(f"EBÜS was told: {told[0].about}: {told[0].reason}")
        self.assertEqual(send(self.box, plain_mail("after-intruder")).stage, "stored")


if __name__ == "__main__":
    main()
