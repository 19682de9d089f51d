#!/usr/bin/python3
"""Outlets change while alarms flow, go with alarms still waiting, or stay silent for too long."""

import json
import signal
import time

from harness.case import EndToEnd, main
from harness.faults import wait_for_faults
from harness.ledger import entries, lost_or_doubled, overtaken_at_ebues
from harness.mails import Load, plain_mail, send
from harness.net import run
from harness.world import ControlError, World, wait_for

SWAPPED = '"id":"RECEIVER_OUTLETS_SWAPPED"'
USER, PASSWORD = "alarmwire", "secret of ebues"


class OutletDays(EndToEnd):
    @classmethod
    def setUpClass(cls):
        def prepare(world):
            world.centre.outlet_options = {"stalled_after": "3s"}

        cls.world = World(prepare=prepare).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.centre = cls.world.box, cls.world.centre
        cls.mailbox = cls.centre.mailbox
        cls.configured = cls.centre.receiver_config.read_text()

    def tearDown(self):
        if not self.centre.standin.running():
            self.centre.standin.start()
        self.centre.more_outlets = []
        self.configure()
        for outlet in self.centre.alarmwire("outlet", "list")["outlets"]:
            if outlet["state"] == "missing":
                self.centre.alarmwire("outlet", "drop", outlet["name"])

    def configure(self, **options):
        """The outlet as it is at first, with these keys changed; waits until it runs so."""
        self.centre.outlet_options = {"stalled_after": "3s", **options}
        self.centre.write_config()
        before = self.swaps()
        wanted = self.centre.receiver_config.read_text()
        self.centre.receiver.signal(signal.SIGHUP)
        if wanted != self.configured:
            wait_for("the outlets to be swapped", lambda: self.swaps() > before)
        type(self).configured = wanted

    def swaps(self):
        return self.centre.receiver.log.read_text().count(SWAPPED)

    def store(self, prefix, count):
        replies = [send(self.box, plain_mail(f"{prefix}-{n}"), f"{prefix}-{n}")
                   for n in range(count)]
        self.assertEqual({r.stage for r in replies}, {"stored"}, replies)
        return replies

    def arrives(self, mailbox, test_id):
        self.store(test_id, 1)
        self.assert_none_missing(mailbox.wait_for([f"{test_id}-0"], 40))
        return mailbox.find(f"{test_id}-0")[0].facts

    def outlet(self, name):
        listed = self.centre.alarmwire("outlet", "list")["outlets"]
        return next((outlet for outlet in listed if outlet["name"] == name), None)

    def faults(self, code, over=False):
        return wait_for_faults(self.mailbox, code, over, within_s=0)

    def next_fault(self, code, known, over=False):
        """The first one at EBÜS after those `known`."""
        found = wait_for_faults(self.mailbox, code, over, count=len(known) + 1)
        self.assertGreater(len(found), len(known), f"no mail at EBÜS about {code}, over: {over}")
        return found[len(known)]

    def open_fault(self, code):
        return next((fault for fault in self.centre.status()["faults"] if fault["code"] == code),
                    None)

    def assert_order(self, prefix, mailbox):
        arrivals = [t for t in mailbox.test_ids() if t.startswith(f"{prefix}-")]
        first = list(dict.fromkeys(arrivals))
        self.assertEqual(first, sorted(first, key=lambda t: int(t.rpartition("-")[2])), "order")

    def test_silent_ebues_is_a_fault_and_its_end_both_told_when_it_is_back(self):
        raised, over = self.faults("outlet-stalled"), self.faults("outlet-stalled", over=True)
        self.centre.standin.kill()
        self.store("silent", 3)
        wait_for("the fault", lambda: self.open_fault("outlet-stalled"), 40)
        self.assertEqual(self.centre.status()["verdict"], "red")
        self.centre.standin.start()
        self.assert_none_missing(self.mailbox.wait_for([f"silent-{n}" for n in range(3)], 60))
        fault = self.next_fault("outlet-stalled", raised)
        end = self.next_fault("outlet-stalled", over, over=True)
        self.assertEqual((fault.about, end.about), ("ebues", "ebues"))
        self.assertLess(fault.received_us, end.received_us)
        self.assertIsNone(self.open_fault("outlet-stalled"))

    def test_receiver_killed_while_ebues_is_down_loses_nothing_and_keeps_the_order(self):
        self.centre.standin.kill()
        replies = self.store("before", 8)
        self.centre.receiver.kill()
        self.centre.receiver.start()
        self.centre.wait_for_receiver()
        self.box.wait_for_link()
        replies += self.store("after", 8)
        self.centre.standin.start()
        self.assert_none_missing(self.mailbox.wait_for([r.test_id for r in replies], 60))
        ids = [r.alarm_id for r in replies]
        self.assertEqual(lost_or_doubled(self.centre, ids), ([], []))
        for prefix in ("before", "after"):
            self.assert_order(prefix, self.mailbox)
        self.assertFalse(overtaken_at_ebues(entries(self.centre), self.mailbox.alarm_ids()))

    def test_sighup_moves_the_outlet_while_alarms_flow(self):
        _, other = self.centre.another_ebues("ebues2", 2526)
        load = Load(self.box, devices=4, mails_per_device=60, pause_s=0.05, prefix="move").start()
        try:
            time.sleep(1)
            self.configure(port=2526)
            time.sleep(1)
        finally:
            load.join()
        wanted = {r.test_id for r in load.replies}
        self.assertEqual(len(wanted), 240)
        wait_for("every alarm at one of the two", lambda: wanted <= {
            *self.mailbox.test_ids(), *other.test_ids()}, 40, 0.2)
        both = set(self.mailbox.test_ids()) & set(other.test_ids())
        self.say(f"{len(set(other.test_ids()))} of 240 at the second, {len(both)} of them at both")
        arrived = sorted(self.mailbox.all() + other.all(), key=lambda a: a.facts["received_us"])
        self.assertGreater(len(other.test_ids()), 0)
        self.assertGreater(len(set(self.mailbox.test_ids()) & wanted), 0)
        self.assertFalse(overtaken_at_ebues(entries(self.centre), [a.alarm_id for a in arrived]))
        self.assertEqual(self.outlet("ebues")["target"], "127.0.0.1:2526")

    def test_a_second_outlet_comes_and_goes_without_the_first_one_noticing(self):
        _, other = self.centre.another_ebues("second", 2527)
        taken = self.outlet("ebues")["taken"]
        self.centre.more_outlets = [{"name": "second", "host": "127.0.0.1", "port": 2527}]
        self.configure()
        self.arrives(other, "both")
        self.assert_none_missing(self.mailbox.wait_for(["both-0"], 20))
        self.centre.more_outlets = []
        self.configure()
        self.arrives(self.mailbox, "alone")
        self.assertEqual(other.find("alone-0"), [])
        self.assertGreater(self.outlet("ebues")["taken"], taken, "it went on, not anew")
        self.assertIsNone(self.outlet("second"))

    def test_a_broken_configuration_leaves_the_outlets_as_they_are(self):
        good = self.centre.receiver_config.read_text()
        self.centre.receiver_config.write_text(good.replace("port = 2525", "prot = 2526"))
        self.centre.receiver.signal(signal.SIGHUP)
        wait_for("the refusal", lambda: "RECEIVER_RELOAD_REFUSED" in
                 self.centre.receiver.log.read_text())
        self.arrives(self.mailbox, "still")
        self.assertEqual(self.outlet("ebues")["target"], "127.0.0.1:2525")

    def test_starttls_with_login_and_then_smtps_end_to_end(self):
        folder = self.centre.folder  # the receiver can read beside its configuration only
        key, certificate = folder / "ebues.key", folder / "ebues.pem"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
            "/CN=ebues", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
            str(certificate))
        secured = ("--certificate", certificate, "--key", key, "--login", f"{USER}:{PASSWORD}")
        _, starttls = self.centre.another_ebues("starttls", 2587, "--tls", "starttls", *secured)
        _, smtps = self.centre.another_ebues("smtps", 2465, "--tls", "implicit", *secured)
        password = folder / "ebues.password"
        password.write_text("wrong\n")
        login = {"username": USER, "password_file": str(password), "ca_file": str(certificate)}
        self.configure(port=2587, tls="starttls", **login)
        self.store("login", 1)
        wait_for("the login to fail", lambda: self.outlet("ebues")["state"] == "stopped")
        self.assertEqual(starttls.test_ids(), [])
        password.write_text(f"{PASSWORD}\n")
        self.configured_file_changed()
        self.assert_none_missing(starttls.wait_for(["login-0"], 40))
        facts = self.arrives(starttls, "secret")
        self.assertTrue(facts["tls"] and facts["login"], facts)
        self.configure(port=2465, tls="smtps", **login)
        facts = self.arrives(smtps, "inside")
        self.assertTrue(facts["tls"] and facts["login"], facts)
        self.configure(port=2465, tls="smtps", **{**login, "ca_file": ""})
        self.store("stranger", 1)
        wait_for("the certificate to be refused",
                 lambda: self.outlet("ebues")["state"] == "stopped")
        self.assertEqual(smtps.find("stranger-0"), [], "sent to somebody unknown")

    def configured_file_changed(self):
        """The configuration is the same, but a file it names has other content."""
        type(self).configured = None
        self.configure(**{k: v for k, v in self.centre.outlet_options.items()
                          if k != "stalled_after"})

    def strand(self, prefix):
        """Two alarms that wait at `ebues`, and then the outlet has another name."""
        known = self.faults("outlet-missing")
        self.centre.standin.kill()
        replies = self.store(prefix, 2)
        self.configure(name="renamed")
        self.centre.standin.start()
        fault = self.next_fault("outlet-missing", known)
        wait_for("nothing else to wait", lambda: self.outlet("renamed")["waiting"] == 0
                 and not self.open_fault("outlet-stalled"), 40)
        return replies, fault

    def test_what_a_renamed_outlet_left_is_a_fault_until_it_is_named_again(self):
        replies, fault = self.strand("stranded")
        self.assertEqual(fault.about, "ebues")
        self.assertIn("alarmwire outlet drop ebues", fault.reason)
        missing = self.outlet("ebues")
        self.assertEqual((missing["state"], missing["waiting"]), ("missing", 2))
        self.assertIn("drop ebues", missing["last_error"])
        waiting = self.centre.alarmwire("alarm", "list", "--waiting")["alarms"]
        self.assertLessEqual({r.alarm_id for r in replies}, {alarm["id"] for alarm in waiting})
        with self.assertRaisesRegex(ControlError, "is configured"):
            self.centre.alarmwire("outlet", "drop", "renamed")
        with self.assertRaisesRegex(ControlError, "is missing"):
            self.centre.alarmwire("outlet", "retry", "ebues")
        ends = self.faults("outlet-missing", over=True)
        self.configure()
        self.assert_none_missing(self.mailbox.wait_for([r.test_id for r in replies], 40))
        self.assertEqual(self.next_fault("outlet-missing", ends, over=True).about, "ebues")
        self.assertIsNone(self.open_fault("outlet-missing"))

    def test_what_a_renamed_outlet_left_can_be_given_up(self):
        replies, _ = self.strand("given")
        self.assertEqual(self.centre.alarmwire("outlet", "drop", "ebues")["dropped"], 2)
        wait_for("the end of the fault", lambda: not self.open_fault("outlet-missing"))
        self.assertIsNone(self.outlet("ebues"))
        shown = self.centre.alarmwire("alarm", "show", replies[0].alarm_id)
        self.assertEqual(shown["hand_over"]["ebues"]["state"], "skipped", json.dumps(shown))
        self.configure()
        self.arrives(self.mailbox, "next")
        self.assertEqual(self.mailbox.find("given-0"), [], "given up, and sent all the same")


if __name__ == "__main__":
    main()
