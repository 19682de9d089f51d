#!/usr/bin/python3
"""Devices at the door: who is known by what, what the doctor says of bad ones, the test mail."""

import json
import os
import subprocess

from harness import net
from harness.case import EndToEnd, main
from harness.mails import LanClient, plain_mail, send
from harness.process import GID, UID_EDGE
from harness.raw import begin_mail
from harness.world import ControlError, World, wait_for

SMTPS, SUBMISSION = 465, 587
GATE_LAN = "192.168.11"  # a second LAN, so that there is a second MAC
USER, PASSWORD = "door-camera", "Geheim-17-lang"


def prepare(world):
    box = world.box
    net.cable(box.lan, "eth1", box.netns, "lan1")
    net.address(box.lan, "eth1", f"{GATE_LAN}.21/24")
    net.address(box.netns, "lan1", f"{GATE_LAN}.2/24")
    (link,) = json.loads(box.lan.ip("-json", "link", "show", "eth1"))
    box.gate_mac = link["address"]
    box.password_file = box.folder / "edge/door.password"
    box.password_file.write_text(PASSWORD + "\n")
    os.chown(box.password_file, UID_EDGE, GID)
    box.password_file.chmod(0o600)
    box.listeners += [
        {"name": "gate-lan", "address": f"{GATE_LAN}.2", "port": 25},
        {"name": "smtps", "address": box.lan_address, "port": SMTPS},
        {"name": "login", "address": box.lan_address, "port": SUBMISSION, "auth": "required"}]
    box.more_sections += [
        ("[[smtp.user]]", {"name": USER, "password_file": str(box.password_file)}),
        ("[[device]]", {"name": "gate", "mac": box.gate_mac.upper().replace(":", "-")}),
        ("[[device]]", {"name": "door", "user": USER}),
        ("[[device]]", {"name": "cellar", "address": "192.168.10.250"})]


class DeviceDays(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World(devices=9, prepare=prepare).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box = cls.world.box

    def devices(self):
        found = self.box.alarmwire("device", "list")["devices"]
        return {(device["name"], device["address"]): device for device in found}

    def dialogue(self, number):
        """The last dialogue kept of a device without a name."""
        return self.box.alarmwire("device", "dialogue", self.box.device_address(number))[
            "dialogues"][-1]

    def finding(self, number):
        """The one thing that the doctor says of its last dialogue."""
        (found,) = wait_for("the dialogue", lambda: self.dialogue(number)["findings"])
        return found

    def advice(self, finding):
        """Its entries in the box's log."""
        lines = self.box.edge.log.read_text().splitlines()
        return [line for line in lines if "SMTP_DEVICE_ADVICE" in line and f'"{finding}"' in line]

    # --- who it is ---

    def send_from_gate(self):
        client = LanClient(self.box.lan, f"{GATE_LAN}.21")
        client.connect(f"{GATE_LAN}.2", 25)
        client.ehlo()
        code, text = client.pass_on(plain_mail("gate"), "gate@edge.internal", "alarm@edge.internal")
        client.quit()
        return code, text

    def send_with_login(self, number):
        client = LanClient(self.box.lan, self.box.device_address(number))
        client.connect(self.box.lan_address, SUBMISSION)
        client.login(USER, PASSWORD)
        code, text = client.pass_on(plain_mail("door"), "door@edge.internal", "alarm@edge.internal")
        client.quit()
        return code, text

    def test_devices_are_known_by_user_mac_or_address_and_strangers_are_marked(self):
        self.assertEqual(self.send_from_gate()[0], 250)
        self.assertEqual(self.send_with_login(2)[0], 250)
        self.assertEqual(send(self.box, plain_mail("network"), device=1).code, 250)
        stranger = send(self.box, plain_mail("stranger"), device=3)
        self.assertEqual(stranger.code, 250)
        devices = self.devices()
        expected = {("gate", f"{GATE_LAN}.21"): "mac", ("door", self.box.device_address(2)): "user",
                    ("cam1", self.box.device_address(1)): "network",
                    (self.box.device_address(3),) * 2: "unknown",
                    ("cellar", "192.168.10.250"): None}
        for key, known_by in expected.items():
            self.assertEqual(devices[key]["known_by"], known_by, key)
        self.assertEqual(devices[("gate", f"{GATE_LAN}.21")]["mac"], self.box.gate_mac)
        self.assertEqual(devices[("door", self.box.device_address(2))]["accepted"], 1)
        (cellar,) = self.box.alarmwire("device", "show", "cellar")["devices"]
        self.assertEqual(cellar["last_heard_us"], 0)
        self.assertGreaterEqual(self.box.status()["door"]["unknown_devices"], 1)
        self.assert_marked_on_the_way(stranger.text.rpartition(" ")[2])
        with self.assertRaisesRegex(ControlError, "no device has this name or address"):
            self.box.alarmwire("device", "show", "attic")

    def assert_marked_on_the_way(self, alarm_id):
        """At the box and at the centre, for people and programs."""
        for place in (self.box, self.world.centre):
            alarm = wait_for("the alarm", lambda: place.alarmwire("alarm", "show", alarm_id))
            self.assertEqual(alarm["known_by"], "unknown")
            text = place.alarmwire("alarm", "show", alarm_id, json_output=False)
            self.assertIn(f"{self.box.device_address(3)}, unknown", text)

    # --- the doctor ---

    def test_a_client_of_tls_1_0(self):
        done = subprocess.run(
            ["ip", "netns", "exec", self.box.lan.name, "openssl", "s_client", "-starttls", "smtp",
             "-bind", f"{self.box.device_address(4)}:0", "-tls1", "-cipher", "DEFAULT@SECLEVEL=0",
             "-connect", f"{self.box.lan_address}:25"],
            input="", capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0, "TLS 1.0 was let in")
        finding = self.finding(4)
        self.assertEqual(finding["id"], "old-tls")
        self.assertEqual(finding["text"], "insists on TLS 1.0, which this listener does not take")
        self.assertIn("tls_level = 0", finding["fix"])
        self.assertEqual(len(self.advice("old-tls")), 1)

    def test_a_client_that_sends_to_gmail(self):
        for _ in range(3):
            reply = send(self.box, plain_mail("x"), recipient="max@gmail.com", device=5)
            self.assertEqual(reply.code, 550)
        finding = self.finding(5)
        self.assertEqual(finding["id"], "foreign-recipient")
        text = self.box.alarmwire("device", "dialogue", self.box.device_address(5),
                                  json_output=False)
        self.assertIn("<max@gmail.com>", text)
        self.assertIn("It sends to max@gmail.com, which is not of this installation", text)
        self.assertEqual(len(self.advice("foreign-recipient")), 1)  # three sessions, told once

    def test_a_client_that_stops_in_the_middle_of_a_mail(self):
        begun = begin_mail(self.box, device=6)
        begun.write(b"Subject: secret words\r\n\r\n" + b"x" * 300_000)
        begun.cut_off()
        finding = self.finding(6)
        self.assertEqual(finding["id"], "stops-in-data")
        self.assertRegex(finding["text"], r"stops after \d+ (KiB|bytes) of a mail")
        self.assertNotIn("secret words", json.dumps(self.dialogue(6)))

    def test_a_wrong_password_is_told_and_never_shown(self):
        client = LanClient(self.box.lan, self.box.device_address(7))
        client.connect(self.box.lan_address, SUBMISSION)
        client.ehlo()
        code, _ = client.docmd("AUTH", "LOGIN ZG9vci1jYW1lcmE=")
        self.assertEqual(code, 334)
        self.assertEqual(client.docmd("ZmFsc2No")[0], 535)
        client.quit()
        self.assertEqual(self.finding(7)["id"], "wrong-password")
        for secret in ("ZmFsc2No", "falsch", "ZG9vci1jYW1lcmE="):
            self.assertNotIn(secret, json.dumps(self.dialogue(7)))

    def test_what_is_known_of_a_device_outlives_a_restart(self):
        self.assertEqual(send(self.box, plain_mail("before"), device=8).code, 250)
        self.assertEqual(send(self.box, plain_mail("x"), recipient="max@gmail.com",
                              device=8).code, 550)
        address = self.box.device_address(8)
        before = wait_for("both dialogues", lambda: len(self.box.alarmwire(
            "device", "dialogue", address)["dialogues"]) == 2 and self.what_is_known(address))
        self.box.edge.restart()
        self.box.wait_for_door()
        self.assertEqual(self.what_is_known(address), before)
        self.assertEqual(self.finding(8)["id"], "foreign-recipient")
        self.assertEqual(send(self.box, plain_mail("after"), device=8).code, 250)
        (device,) = self.box.alarmwire("device", "show", address)["devices"]
        self.assertEqual(device["accepted"], 2)

    def what_is_known(self, address):
        """Counters, last mail, last error and dialogues of a device."""
        return [self.box.alarmwire("device", verb, address) for verb in ("show", "dialogue")]

    # --- what to type, and the test mail ---

    def test_settings_say_what_to_type(self):
        settings = self.box.alarmwire("device", "settings", "gate", "--maker", "hikvision")
        self.assertIn(self.box.lan_address, settings["servers"])
        self.assertIn(("ssl", SMTPS), {(choice["security"], choice["port"])
                                       for choice in settings["choices"]})
        self.assertTrue(settings["hints"])
        text = self.box.alarmwire("device", "settings", "door", json_output=False)
        self.assertIn(USER, text)
        self.assertNotIn(PASSWORD, text)

    def mail(self, *words, code=0):
        """`alarmwire test-mail`, on the box."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.box.netns.name, self.world.program("alarmwire"), "--json",
             "--socket", self.box.edge_socket, "test-mail", *words],
            capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_test_mails(self):
        clear = self.mail("--listener", "lan")
        self.assertTrue(clear["accepted"], clear)
        self.assertEqual(clear["stage"], "stored")
        self.assertTrue(clear["recipient"].startswith("test@"))
        shown = wait_for("the test at the centre",
                         lambda: self.world.centre.alarmwire("alarm", "show", clear["id"]))
        self.assertEqual(shown["subject"], "Alarmwire test")
        secure = self.mail("--listener", "smtps", "--device", "gate")
        self.assertEqual((secure["accepted"], secure["certificate"]), (True, "ok"), secure)
        self.assertTrue(secure["recipient"].startswith("gate@"))
        login = self.mail("--listener", "login", "--security", "starttls", "--user", USER,
                               "--password-file", str(self.box.password_file))
        self.assertTrue(login["accepted"], login)
        self.assertNotIn(PASSWORD, json.dumps(login))
        refused = self.mail("--listener", "lan", "--to", "max@gmail.com", code=1)
        self.assertEqual((refused["accepted"], refused["reply"][:3]), (False, "550"), refused)


if __name__ == "__main__":
    main()
