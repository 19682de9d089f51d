#!/usr/bin/python3
"""A centre out of `alarmwire setup`, a box out of a ticket, and a doctor that says what is wrong."""

import json
import subprocess

from harness import config
from harness.case import EndToEnd, main
from harness.mails import plain_mail, send
from harness.process import UID_RECEIVER
from harness.world import CENTRE_ADDRESS, World, wait_for


def set_up(centre):
    """In place of a hand-written receiver.toml; what only a test run needs is a second drop-in."""
    folder = centre.folder / "etc"
    for key in ("private.key", "private.key.pub"):
        (centre.folder / "tunnel" / key).unlink()
    answers = centre.folder / "answers.toml"
    answers.write_text(config.toml([
        ("[centre]", {
            "endpoints": [CENTRE_ADDRESS], "language": "en",
            "private_key_file": str(centre.folder / "tunnel/private.key"),
            "state_directory": str(centre.folder / "receiver")}),
        ("[ebues]", {"host": "127.0.0.1", "port": 2525, "test_address": "test@ebues.internal"})]))
    made = json.loads(centre.world.alarmwire_text(
        "--json", "setup", "--no-input", "--config", str(answers), "--folder", str(folder)))
    (folder / "receiver.d/20-run.toml").write_text(config.toml([
        ("[receiver]", {"control_socket": str(centre.receiver_socket),
                        "user": str(UID_RECEIVER)}),
        ("[tunnel]", {"interface": "wgcentre", "control_socket": str(centre.tunnel_socket),
                      "state_directory": str(centre.folder / "tunnel")})]))
    (folder / "receiver.toml").replace(centre.receiver_config)
    (folder / "receiver.d").replace(centre.receiver_config.with_suffix(".d"))
    return made


class Setup(EndToEnd):
    def examine(self, where, config_file, socket):
        """What the doctor says, in the namespace of whom it looks at: about → (verdict, seen)."""
        done = subprocess.run(
            ["ip", "netns", "exec", where.netns.name, str(self.world.program("alarmwire")), "--json",
             "--socket", str(socket), "doctor", "--config", str(config_file)],
            capture_output=True, text=True, timeout=120)
        result = json.loads(done.stdout)
        self.assertEqual(done.returncode, {"good": 0, "note": 3, "bad": 1}[result["verdict"]])
        for check in result["checks"]:
            self.assertEqual(check["verdict"] == "good", check["advice"] == "", check)
        return {check["about"]: (check["verdict"], check["seen"]) for check in result["checks"]}

    def bad_ones(self, found):
        # A time service is the machine's own matter.
        return {about: what for about, what in found.items() if what[0] != "good" and about != "clock"}

    def test_setup_then_ticket_then_alarm_and_the_doctor_at_both_ends(self):
        made = {}

        def prepare(world):
            world.centre.write_config = lambda: made.update(set_up(world.centre))

        self.world = World(by_ticket=True, prepare=prepare).__enter__()
        self.addCleanup(self.world.__exit__, None, None, None)
        box, centre = self.world.box, self.world.centre
        self.assertEqual(made["schema"], "setup/1")
        self.assertTrue(made["prefix"].startswith("fd"))
        key = centre.folder / "tunnel/private.key"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        self.assertEqual(key.stat().st_uid, (centre.folder / "tunnel").stat().st_uid)

        wait_for("the tunnel at the centre", lambda: centre.status()["tunnel"]["reachable"])
        ticket = wait_for("a ticket", lambda: centre.ticket("site-1"))
        code, states = box.enrol(ticket["text"])
        self.assertEqual((code, states[-1]["step"]), (0, "done"), states)
        reply = send(box, plain_mail("first-1"))
        self.assertEqual((reply.code, reply.stage), (250, "stored"), reply)
        self.assert_none_missing(centre.mailbox.wait_for(["first-1"], 20))

        well = self.examine(centre, centre.receiver_config, centre.receiver_socket)
        self.assertEqual(self.bad_ones(well), {})
        for about in ("wireguard", "ledger", "UDP port 51820", "daemon", "outlet ebues",
                      "config of receiver", "config of tunnel", "alarmwire-tunnel"):
            self.assertIn(about, well)
        at_box = self.examine(box, box.edge_config, box.edge_socket)
        self.assertEqual(self.bad_ones(at_box), {})
        self.assertIn("220 ", at_box["door lan"][1])

        # The doctor sees what was broken, and only that.
        centre.standin.stop()
        centre.tunnel.stop()
        ill = self.bad_ones(self.examine(centre, centre.receiver_config, centre.receiver_socket))
        self.assertIn("refused", ill.pop("outlet ebues")[1])
        self.assertEqual(ill.pop("alarmwire-tunnel")[0], "bad")
        ill.pop("daemon", None)  # it notices by itself, a little later
        self.assertEqual(ill, {})
        box.edge.stop()
        at_box = self.bad_ones(self.examine(box, box.edge_config, box.edge_socket))
        self.assertEqual(at_box["alarmwire-edge"][0], "bad")


if __name__ == "__main__":
    main()
