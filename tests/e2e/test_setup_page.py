#!/usr/bin/python3
"""The box's page in a real browser (Chromium) in the device's network: from a ticket to an
acknowledged test alarm, and the reason where it stops."""

import http.client
import json
import pathlib
import shutil
import socket
import subprocess

from harness.case import EndToEnd, main
from harness.mails import plain_mail, send
from harness.world import World, wait_for

HERE = pathlib.Path(__file__).parent
PHONE, DESK = {"width": 360, "height": 640}, {"width": 1280, "height": 900}
STEPS = ["ticket", "network", "centre", "approval", "tunnel", "alarm"]


class SetupPage(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World(boxes=2, by_ticket=True, prepare=cls.give_pages).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.stranger = cls.world.boxes
        cls.centre = cls.world.centre
        wait_for("the tunnel at the centre",
                 lambda: cls.centre.status()["tunnel"]["reachable"])
        cls.folder = cls.world.folder / "browser"
        shutil.copytree(HERE / "browser", cls.folder, ignore=shutil.ignore_patterns("node_modules"))
        installed = subprocess.run(["npm", "ci", "--no-progress"], cwd=cls.folder,
                                   capture_output=True, text=True, timeout=120)
        assert installed.returncode == 0, installed.stderr

    @staticmethod
    def give_pages(world):
        for box in world.boxes:
            box.more_sections.append(("[page]", {"address": box.lan_address}))

    def start_browser(self, box, **wish):
        wish = {"url": f"http://{box.lan_address}/", "browser": "/usr/bin/chromium",
                "viewport": DESK, "locale": "en-GB", "script": True, "is_phone": False,
                "within_ms": 60000, **wish}
        made = subprocess.Popen(
            ["timeout", "100", "ip", "netns", "exec", box.lan.name, "node",
             self.folder / "technician.js", json.dumps(wish)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(made.kill)
        return made

    def report_of(self, browser):
        out, errors = browser.communicate(timeout=110)
        self.assertEqual(browser.returncode, 0, errors)
        report = json.loads(out)
        self.assertEqual(report["errors"], [], "the browser complains")
        origin = f"http://{self.box.lan_address}/"
        self.assertEqual([url for url in report["requests"] if not url.startswith(origin)], [],
                         "nothing may come from elsewhere")
        self.assertFalse(report["last"]["wide"], "it has to be pushed sideways")
        return report

    def test_a_ticket_on_a_phone_ends_in_an_acknowledged_test_alarm(self):
        made = self.centre.ticket("site-1", "--approve", "manual", "--png",
                                  str(self.folder / "used.png"))
        ticket = made["text"]
        wrong = ticket[:40] + ("2" if ticket[40] != "2" else "3") + ticket[41:]
        browser = self.start_browser(
            self.box, ticket=ticket, wrong_ticket=wrong, viewport=PHONE, is_phone=True,
            locale="de-DE")
        waiting = wait_for("the box to wait", lambda: [
            b for b in self.centre.alarmwire("box", "list")["enrolled"] if b["state"] == "pending"],
            60)
        self.centre.alarmwire("box", "approve", "site-1")
        report = self.report_of(browser)
        first, last = report["first"], report["last"]
        self.assertEqual(first["language"], "de")
        self.assertIn("braucht ein Ticket", first["page"])
        self.assertIn("nicht angenommen", report["wrong"]["alert"])
        self.assertIn("step-approval now", report["steps"])
        places = [STEPS.index(step.split()[0].removeprefix("step-")) for step in report["steps"]]
        self.assertEqual(places, sorted(places), "the states go by in order")
        self.assertEqual(report["words"], waiting[0]["words"], "the same six words at both ends")
        self.assertIn("quittiert", last["outcome"])
        self.assertIn("Alarme erreichen die Zentrale", last["status"])
        self.assertEqual(last["forms"], 0, "an enrolled box only shows")
        self.assertEqual(report["other_language"]["language"], "en")
        self.assertIn("acknowledged a test alarm", report["other_language"]["outcome"])
        self.assertEqual(send(self.box, plain_mail("after-page")).stage, "stored")
        self.the_used_ticket_shows_its_reason_without_script()
        self.an_enrolled_box_takes_nothing(ticket)

    def the_used_ticket_shows_its_reason_without_script(self):
        browser = self.start_browser(self.stranger, photo=str(self.folder / "used.png"),
                                     script=False)
        report = self.report_of(browser)
        self.assertIn("needs a ticket", report["first"]["page"])
        self.assertEqual(report["last"]["step"], "step-centre stopped")
        self.assertIn("used by another box", report["last"]["text"])
        self.assertIn("ask the centre for a new ticket", report["last"]["text"])
        self.assertEqual(report["last"]["forms"], 2, "another ticket may be given")
        self.assertIn("von einer anderen Box", report["other_language"]["text"])

    def an_enrolled_box_takes_nothing(self, ticket):
        for host, origin, wanted in ((self.box.lan_address, None, 403),
                                     (self.box.lan_address, "http://evil.example", 403),
                                     (self.box.lan_address, f"http://{self.box.lan_address}", 403),
                                     ("evil.example", "http://evil.example", 421)):
            with self.box.lan.socket(socket.AF_INET) as connection:
                connection.settimeout(10)
                connection.connect((self.box.lan_address, 80))
                client = http.client.HTTPConnection(self.box.lan_address)
                client.sock = connection
                headers = {"Host": host, **({"Origin": origin} if origin else {})}
                client.request("POST", "/ticket", f"ticket={ticket}", headers)
                self.assertEqual(client.getresponse().status, wanted, (host, origin))


if __name__ == "__main__":
    main()
