#!/usr/bin/python3
"""What people do at the centre with alarms: watch them come, follow one back to a box whose clock is
wrong, and have what EBÜS would not take offered again."""

import datetime
import json
import re
import sqlite3
import subprocess
import threading

from harness.case import EndToEnd, main
from harness.clock import shift_wall_clock
from harness.faults import wait_for_faults
from harness.mails import plain_mail, send
from harness.world import ControlError, World, wait_for

SLOW_BY_S = 3600  # the second box's clock
ESTIMATE_MS = 500  # how wrong the difference of the clocks may be taken, on a busy machine
PARKED_TRIES = 10  # receiver/outlets/order.hpp
ROW = re.compile(r"^  (accepted|spooled|sent|stored|handed over) +(\S+ \S+) +(-?[\d.]+) ms", re.M)


class Tail:
    """`alarmwire alarm tail`, as somebody watches it."""

    def __init__(self, world, socket):
        argv = [str(world.program("alarmwire")), "--json", "--socket", str(socket), "alarm", "tail"]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.alarms = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.alarms.append(json.loads(line))

    def find(self, alarm_id):
        return [alarm for alarm in self.alarms if alarm["id"] == alarm_id]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Operators(EndToEnd):
    @classmethod
    def setUpClass(cls):
        def prepare(world):
            shift_wall_clock(world.boxes[1].edge, world.folder, -SLOW_BY_S)

        cls.world = World(boxes=2, prepare=prepare).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.slow = cls.world.boxes
        cls.centre = cls.world.centre
        cls.mailbox = cls.centre.mailbox

    def tearDown(self):
        self.centre.set_rules([])

    def at_ebues(self, reply):
        self.assertEqual(reply.stage, "stored", reply)
        self.assert_none_missing(self.mailbox.wait_for([reply.test_id], 20))
        return self.mailbox.find(reply.test_id)[0]

    def state(self, alarm_id):
        return self.centre.alarmwire("alarm", "show", alarm_id)["state"]

    def test_tail_shows_an_alarm_as_it_comes(self):
        ends = {"box": (self.box, self.box.edge_socket),
                "centre": (self.centre, self.centre.receiver_socket)}
        tails = {name: Tail(self.world, socket) for name, (_, socket) in ends.items()}
        for tail in tails.values():
            self.addCleanup(tail.close)
        # Until both watch: a tail shows what comes after it has begun.
        wait_for("both tails", lambda: (send(self.box, plain_mail("before"), "before"),
                                        all(tail.alarms for tail in tails.values()))[1], 20, 0.3)
        reply = send(self.box, plain_mail("tail-1", subject="Gate 3"), "tail-1")
        for name, tail in tails.items():
            wait_for(f"the alarm in the tail of the {name}", lambda: tail.find(reply.alarm_id), 10)
            alarm = tail.find(reply.alarm_id)[0]
            self.assertEqual((alarm["schema"], alarm["subject"], alarm["from"]),
                             ("alarm/1", "Gate 3", "cam1@edge.internal"))
            self.assertEqual(len(tail.find(reply.alarm_id)), 1)
        self.assertEqual(tails["centre"].find(reply.alarm_id)[0]["box"], "site-1")

    def test_a_trace_joins_two_clocks_that_differ(self):
        wait_for("the clocks to be compared", lambda: self.slow.status()["link"]["clock_offset_us"])
        reply = send(self.slow, plain_mail("clock-1"), "clock-1", recipient="alarm@site-2.internal")
        arrived = self.at_ebues(reply)
        self.assertNotIn(b"X-Alarmwire-Mark", arrived.content, "an hour late, by the wrong clock")
        for end in (self.centre, self.slow):
            wait_for("the receipt", lambda: "handed over" in end.alarmwire(
                "alarm", "trace", reply.alarm_id, json_output=False))
            self.assert_one_clock(end, reply.alarm_id)

    def assert_one_clock(self, end, alarm_id):
        trace = end.alarmwire("alarm", "trace", alarm_id)
        offset_us = trace["clock_offset_us"]
        self.assertAlmostEqual(offset_us / 1e3, SLOW_BY_S * 1e3, delta=ESTIMATE_MS)
        noted = {stage["stage"]: stage for stage in trace["stages"]}
        apart_us = noted["stored"]["time_us"] - noted["accepted"]["time_us"]
        self.assertGreater(apart_us, (SLOW_BY_S - 1) * 1e6, "JSON has the times as they were noted")
        rows = ROW.findall(end.alarmwire("alarm", "trace", alarm_id, json_output=False))
        self.assertEqual({row[0] for row in rows} - {"sent"},
                         {"accepted", "spooled", "stored", "handed over"})
        times = [datetime.datetime.fromisoformat(row[1]) for row in rows]
        self.assertEqual(times, sorted(times), rows)
        since = [float(row[2]) for row in rows]
        self.assertEqual((since, since[0]), (sorted(since), 0.0), rows)
        self.assertLess(since[-1], 20_000, "an hour is no part of its way")

    def test_retry_delivers_what_was_parked(self):
        self.centre.set_rules([{"contains": "X-Test-Id: parked-", "code": 451,
                                "text": "4.3.0 not this one"}])
        parked = send(self.box, plain_mail("parked-1"), "parked-1")
        wait_for("its first try", lambda: self.tries(parked.alarm_id) > 0)
        self.as_after_many_tries(parked.alarm_id)
        wait_for("it to be parked", lambda: self.state(parked.alarm_id) == "parked", 40)
        faults = wait_for_faults(self.mailbox, "outlet-parked")
        self.assertEqual(len(faults), 1)
        self.at_ebues(send(self.box, plain_mail("behind-1"), "behind-1"))  # its lane goes on
        self.centre.set_rules([])
        for wrong in (("nosuch",), ("ebues", "--box", "nosuch")):
            with self.assertRaisesRegex(ControlError, "exit 1: .*there is no (outlet|box) 'nosuch'"):
                self.centre.alarmwire("outlet", "retry", *wrong)
        with self.assertRaisesRegex(ControlError, "exit 1: .*there is no box 'nosuch'"):
            self.centre.alarmwire("alarm", "list", "--box", "nosuch")
        retry = ("outlet", "retry", "ebues", "--box")
        self.assertEqual(self.centre.alarmwire(*retry, "site-2")["retried"], 0, "it is site-1's")
        self.assertEqual(self.mailbox.find("parked-1"), [])
        self.assertEqual(self.centre.alarmwire(*retry, "site-1")["retried"], 1)
        self.at_ebues(parked)
        wait_for("its state", lambda: self.state(parked.alarm_id) == "handed over")
        self.assertEqual(len(self.mailbox.find("parked-1")), 1)
        ends = wait_for_faults(self.mailbox, "outlet-parked", over=True)
        self.assertEqual([end.about for end in ends], [faults[0].about])

    def tries(self, alarm_id):
        return self.centre.alarmwire("alarm", "show", alarm_id)["hand_over"]["ebues"]["tries"]

    def as_after_many_tries(self, alarm_id):
        """Half an hour in the ledger: of the tries before it is parked only the last is left."""
        self.centre.receiver.stop()
        file = sqlite3.connect(self.centre.folder / "ledger/ledger.db")
        changed = file.execute(
            "UPDATE hand_overs SET tries = ? WHERE position = (SELECT position FROM records"
            " WHERE alarm_id = ?)", (PARKED_TRIES - 1, bytes.fromhex(alarm_id.replace("-", ""))))
        self.assertEqual(changed.rowcount, 1)
        file.commit()
        file.close()
        self.centre.receiver.start()
        self.centre.wait_for_receiver()
        self.box.wait_for_link()


if __name__ == "__main__":
    main()
