#!/usr/bin/python3
"""What people see of the tunnels: verdicts, faults and their grouping, metrics, and a watch."""

import json
import signal
import subprocess
import time

from harness.case import EndToEnd, main
from harness.faults import all_faults, wait_for_faults
from harness.mails import plain_mail, send
from harness.world import World, wait_for

NOTICED_MAX_S = 20  # design, promise 4
CANARY_S = 5
METRICS_PORT = 9911


def prepare(world):
    for box in world.boxes:
        box.edge_options = {"canary_every": f"{CANARY_S}s"}
        box.more_sections.append(("[metrics]", {}))
    # The fourth site's line goes away for a while each night.
    world.centre.receiver_options = {"acknowledged_within": "20s"}
    world.centre.more_sections = [("[metrics]", {"boxes": True}),
                                  ("[[silence]]", {"boxes": ["site-4"], "report_after": "40s"})]


def fetch(netns, path):
    """From inside a namespace of the run: nobody else can ask."""
    made = subprocess.run(
        ["ip", "netns", "exec", netns.name, "curl", "-sS", "-w", "\n%{http_code}",
         f"http://127.0.0.1:{METRICS_PORT}{path}"], capture_output=True, text=True, timeout=20)
    text, _, status = made.stdout.rpartition("\n")
    return int(status), text


def values(page):
    """{'name{labels}': value} of a page of metrics."""
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


class TunnelStatus(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World(boxes=4, devices=1, prepare=prepare).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.boxes, cls.centre = cls.world.boxes, cls.world.centre

    def setUp(self):
        for box in self.boxes:
            box.wait_for_link(60)
        wait_for("all boxes to be green",
                 lambda: set(self.verdicts().values()) == {"green"}, 60)
        self.mails_before = len(self.centre.mailbox.all())

    def verdicts(self):
        return {box["id"]: box["verdict"] for box in self.centre.status()["boxes"]}

    def faults(self, code, over=False):
        return all_faults(self.centre.mailbox, code, over)

    def cut(self, *boxes):
        for box in boxes:
            box.cut_cable()
            self.addCleanup(box.mend_cable)

    def states_logged(self, box):
        lines = [json.loads(line) for line in self.centre.receiver.log.read_text().splitlines()
                 if '"RECEIVER_BOX_STATE"' in line]
        return [line["fields"] for line in lines if line["fields"]["box"] == box.id]

    def test_1_an_idle_box_stays_green_by_canaries_that_nobody_sees(self):
        records = self.centre.status()["ledger"]["records"]
        stored_us = {box["id"]: box["last_acknowledged_us"]
                     for box in self.centre.status()["boxes"]}
        wait_for("another acknowledgement of each idle box", lambda: all(
            box["last_acknowledged_us"] > stored_us[box["id"]]
            for box in self.centre.status()["boxes"]), 3 * CANARY_S)
        self.assertEqual(self.centre.status()["ledger"]["records"], records)
        self.assertEqual(len(self.centre.mailbox.all()), self.mails_before)
        self.assertEqual(self.boxes[1].alarmwire("alarm", "list")["alarms"], [])

    def test_2_a_cut_box_is_noticed_in_time_and_its_end_too(self):
        box = self.boxes[0]
        before = len(self.faults("tunnel-silent")), len(self.faults("tunnel-silent", True))
        self.cut(box)
        began = time.monotonic()
        wait_for("another verdict than green",
                 lambda: self.verdicts()[box.id] in ("amber", "red"), NOTICED_MAX_S)
        self.assertIn(box.status()["verdict"], ("amber", "red"))
        found = wait_for_faults(self.centre.mailbox, "tunnel-silent", False, before[0] + 1,
                                NOTICED_MAX_S + 2)
        noticed_s = time.monotonic() - began
        self.assertEqual(len(found), before[0] + 1)
        self.assertEqual(found[-1].box, box.id)
        self.assertRegex(found[-1].reason, "^(amber|red): ")
        self.say(f"at EBÜS {noticed_s:.1f} s after the cut: {found[-1].reason}")
        box.mend_cable()
        ended = wait_for_faults(self.centre.mailbox, "tunnel-silent", True, before[1] + 1, 60)
        self.assertEqual(len(ended), before[1] + 1)
        wait_for("green again", lambda: self.verdicts()[box.id] == "green", 40)
        changes = [(one["before"], one["state"]) for one in self.states_logged(box)]
        self.assertIn("green", [before for before, _ in changes])
        self.assertEqual(changes[-1][1], "green")

    def test_3_a_short_cut_of_a_site_with_report_after_is_seen_and_is_no_fault(self):
        box = self.boxes[3]
        self.cut(box)
        wait_for("another verdict than green",
                 lambda: self.verdicts()[box.id] in ("amber", "red"), NOTICED_MAX_S)
        wait_for("its silence", lambda: any(
            each["silent"] for each in self.centre.status()["boxes"] if each["id"] == box.id), 20)
        box.mend_cable()
        wait_for("green again", lambda: self.verdicts()[box.id] == "green", 40)
        self.assertEqual([fault for fault in self.faults("tunnel-silent") if fault.box == box.id],
                         [])
        self.assertEqual(len(self.centre.mailbox.all()), self.mails_before)
        self.assertTrue(self.states_logged(box))

    def test_4_three_boxes_lost_at_once_are_one_fault_with_one_end(self):
        lost = self.boxes[:3]
        alone = len(self.faults("tunnel-silent"))
        self.cut(*lost)
        found = wait_for_faults(self.centre.mailbox, "boxes-silent", False, 1, NOTICED_MAX_S + 2)
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0].box, "centre")
        for box in lost:
            self.assertIn(box.id, found[0].reason)
        time.sleep(8)
        for box in lost:
            box.mend_cable()
        ended = wait_for_faults(self.centre.mailbox, "boxes-silent", True, 1, 60)
        self.assertEqual([fault.about for fault in ended], [found[0].about])
        self.assertEqual(len(self.faults("tunnel-silent")), alone)
        self.assertEqual(len(self.centre.mailbox.all()), self.mails_before + 2)

    def test_5_a_restart_of_the_centre_is_no_loss(self):
        self.centre.receiver.kill()
        self.centre.receiver.start()
        self.centre.wait_for_receiver()
        for box in self.boxes:
            box.wait_for_link(60)
        time.sleep(22)  # longer than the grace
        self.assertEqual(len(self.centre.mailbox.all()), self.mails_before)

    def test_6_both_ends_offer_metrics_to_their_own_machine_only(self):
        box = self.boxes[0]
        self.assertTrue(send(box, plain_mail("metrics-1"), "metrics-1").accepted)
        status, text = fetch(box.netns, "/metrics")
        self.assertEqual(status, 200)
        found = values(text)
        self.assertEqual(found["alarmwire_box_link_up"], 1)
        self.assertGreaterEqual(found["alarmwire_box_door_accepted_mails_total"], 1)
        self.assertLess(found["alarmwire_box_link_acknowledgement_age_seconds"], 60)
        self.assertEqual(found['alarmwire_box_verdict{colour="green"}'], 1)
        self.assertGreater(found["alarmwire_box_tunnel_sent_bytes_total"], 0)
        self.assertEqual(fetch(box.netns, "/readyz")[0], 200)
        self.assertEqual(fetch(box.netns, "/nothing")[0], 404)
        refused = subprocess.run(
            ["ip", "netns", "exec", box.lan.name, "curl", "-sS", "-m", "3",
             f"http://{box.lan_address}:{METRICS_PORT}/metrics"], capture_output=True, check=False)
        self.assertNotEqual(refused.returncode, 0)
        status, text = fetch(self.centre.netns, "/metrics")
        self.assertEqual(status, 200)
        found = values(text)
        self.assertEqual(found['alarmwire_centre_boxes{verdict="green"}'], 4)
        self.assertEqual(found['alarmwire_centre_outlet_up{outlet="ebues"}'], 1)
        self.assertNotIn("site-1", text)
        status, text = fetch(self.centre.netns, "/metrics/boxes")
        self.assertEqual(values(text)['alarmwire_centre_box_link_up{box="site-1"}'], 1)
        self.assertIn('endpoint="203.0.113.', text)

    def test_7_a_watch_goes_on_until_ctrl_c(self):
        argv = [str(self.world.program("alarmwire")), "--json", "--socket",
                str(self.centre.receiver_socket), "status", "--watch"]
        watch = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        try:
            lines = [json.loads(watch.stdout.readline()) for _ in range(3)]
            watch.send_signal(signal.SIGINT)
            self.assertEqual(watch.wait(timeout=10), 0)
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()
        self.assertEqual({line["schema"] for line in lines}, {"status/1"})


def prepare_without_canaries(world):
    world.box.edge_options = {"canary_every": "0s"}
    world.centre.receiver_options = {"acknowledged_within": "20s"}


class AStreamThatAcknowledgesNothing(EndToEnd):
    def test_is_a_fault_until_something_is_acknowledged(self):
        with World(boxes=1, devices=1, prepare=prepare_without_canaries) as world:
            found = wait_for_faults(world.centre.mailbox, "link-stuck", False, 1, 45)
            self.assertEqual([fault.box for fault in found], ["site-1"])
            self.assertEqual(world.centre.status()["boxes"][0]["verdict"], "amber")
            self.assertEqual(send(world.box, plain_mail("stuck-1"), "stuck-1").stage, "stored")
            ended = wait_for_faults(world.centre.mailbox, "link-stuck", True, 1, 15)
            self.assertEqual([fault.box for fault in ended], ["site-1"])
            self.assertEqual(world.centre.status()["boxes"][0]["verdict"], "green")


if __name__ == "__main__":
    main()
