#!/usr/bin/python3
"""An alarm with a picture goes from the camera to EBÜS, and everybody can see how."""

import itertools
import re
import os
import time

from harness.case import EndToEnd, main
from harness.ledger import entries
from harness.mails import picture_mail, plain_mail, send
from harness.net import NetError
from harness.world import World

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"  # RFC 3339
DATE = r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"  # RFC 5322
STAGES = ("accepted", "spooled", "stored", "handed_over")


class MainJob(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.centre = cls.world.box, cls.world.centre

    def test_picture_arrives_and_the_reply_says_stored(self):
        content = picture_mail("pic-1")
        reply = send(self.box, content)
        self.assertEqual((reply.code, reply.stage), (250, "stored"), reply)
        self.assert_none_missing(self.centre.mailbox.wait_for(["pic-1"], 20))
        arrived = self.centre.mailbox.find("pic-1")
        self.assertEqual(len(arrived), 1)
        self.assertTrue(arrived[0].content.endswith(content), "bytes changed on the way")
        self.assert_head(arrived[0].content[: -len(content)].decode("ascii"), reply)
        self.say(f"100 KiB picture answered after {reply.seconds * 1000:.1f} ms")

    def assert_head(self, head, reply):
        """What stands on top at EBÜS is what docs/ebues.md names, and nothing else."""
        self.assertTrue(head.endswith("\r\n"))
        self.assertNotIn("\n", head.replace("\r\n", ""), "every line ends by CRLF")
        lines = re.sub("\r\n(?=[ \t])", "", head[:-2]).split("\r\n")
        number = reply.alarm_id
        for line, pattern in itertools.zip_longest(lines, (
                rf"Received: from site-1 \(box\)\tby receiver\.internal \(Alarmwire\) id {number};"
                rf"\t{DATE}",
                rf"Received: from \S+ \(cam0 \[{self.box.device_address(0)}\]\)"
                rf"\tby site-1 \(Alarmwire box, lan\) with ESMTP id {number};\t{DATE}",
                f"X-Alarmwire-Id: {number}",
                "X-Alarmwire-Box: site-1",
                f"X-Alarmwire-Stage: accepted={TIME}; spooled={TIME};\tstored={TIME}"), fillvalue=""):
            self.assertRegex(line, rf"\A{pattern}\Z", head)

    def test_trace_names_every_stage_in_order(self):
        reply = send(self.box, plain_mail("trace-1"))
        self.assert_none_missing(self.centre.mailbox.wait_for(["trace-1"], 20))
        time.sleep(0.2)  # the receipt is booked after EBÜS has answered
        trace = self.centre.alarmwire("alarm", "trace", reply.alarm_id)
        stages = [stage["stage"].replace(" ", "_") for stage in trace["stages"]]
        self.assertEqual([s for s in stages if s in STAGES], list(STAGES), trace)

    def test_both_ends_show_tunnel_and_link(self):
        send(self.box, plain_mail("status-1"))
        at_box = self.box.alarmwire("status")
        self.assertEqual((at_box["role"], at_box["link"]["state"]), ("edge", "up"), at_box)
        expected = os.environ.get("ALARMWIRE_EXPECT_BACKEND")
        backends = (expected,) if expected else ("kernel", "userspace")
        self.assertIn(at_box["tunnel"]["backend"], backends)
        self.assertEqual(at_box["spool"]["waiting_records"], 0)
        at_centre = self.centre.alarmwire("status")
        box = at_centre["boxes"][0]
        self.assertEqual((box["id"], box["connected"]), ("site-1", True), at_centre)
        self.assertEqual(at_centre["outlets"][0]["name"], "ebues")
        for end in (self.box, self.centre):
            self.assertIn("handshake", end.alarmwire("status", json_output=False).lower())

    def test_lists_show_the_alarm_on_box_and_centre(self):
        reply = send(self.box, plain_mail("list-1"))
        for end in (self.box, self.centre):
            self.assertIn(reply.alarm_id, end.alarmwire("alarm", "list", json_output=False))
            self.assertIn("cam1@edge.internal",
                          end.alarmwire("alarm", "show", reply.alarm_id, json_output=False))

    def test_recipient_outside_the_zone_is_refused(self):
        reply = send(self.box, plain_mail("x-1"), recipient="someone@example.org")
        self.assertEqual(reply.code, 550)
        self.assertIn("5.7.1", reply.text)

    def test_routine_mail_goes_by_its_own_lane(self):
        reply = send(self.box, plain_mail("routine-1"), recipient="routine-daily@edge.internal")
        self.assertTrue(reply.accepted, reply)
        self.assert_none_missing(self.centre.mailbox.wait_for(["routine-1"], 20))
        lanes = [e.lane for e in entries(self.centre) if e.alarm_id == reply.alarm_id]
        self.assertEqual(lanes, [3])

    def test_the_private_key_is_out_of_the_edge_daemons_reach(self):
        key = self.box.folder / "tunnel/private.key"
        with self.assertRaises(NetError):
            self.world.wan.inside("setpriv", "--reuid=64102", "--regid=64100", "--clear-groups",
                                  "cat", str(key))

    def test_daemons_hold_no_more_than_they_need(self):
        wanted = {self.box.tunnel: 1 << 12, self.box.edge: 1 << 10,
                  self.centre.tunnel: 1 << 12, self.centre.receiver: 0}
        for program, allowed in wanted.items():
            with open(f"/proc/{program.pid}/status", encoding="ascii") as file:
                facts = dict(line.split(":", 1) for line in file)
            self.assertNotEqual(facts["Uid"].split()[1], "0", program.name)
            self.assertEqual(int(facts["CapEff"], 16) & ~allowed, 0, program.name)


if __name__ == "__main__":
    main()
