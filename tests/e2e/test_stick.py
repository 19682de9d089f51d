#!/usr/bin/python3
"""Boxes at sites without phone and browser: enrolled by a stick that the centre prepared, one by one
or from a table, or by a scanner at the console; and sticks that are used, expired or hostile."""

import os
import pty
import select
import shutil
import subprocess
import time

from harness.case import EndToEnd, main
from harness.mails import plain_mail, send
from harness.process import GID, UID_EDGE
from harness.world import World, wait_for

RESULT = "alarmwire-result.txt"
LOOKS_S = 7  # three looks of the box, and some
QWERTZ = str.maketrans("YZyz:", "ZYzy>")


def verdict_in(folder):
    """What the box wrote to the stick: {"verdict": …, …} and the words below."""
    text = (folder / RESULT).read_bytes().decode()
    head, _, words = text.partition("\r\n\r\n")
    facts = dict(line.split(":", 1) for line in head.split("\r\n"))
    return {**{name: value.strip() for name, value in facts.items()}, "words below": words}


class Stick(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World(boxes=4, by_ticket=True, prepare=cls.give_slots).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.centre = cls.world.centre
        wait_for("the tunnel at the centre",
                 lambda: cls.centre.status()["tunnel"]["reachable"])

    @classmethod
    def give_slots(cls, world):
        for box in world.boxes:
            box.sticks = box.folder / "sticks"
            box.sticks.mkdir()
            box.more_sections.append(("[stick]", {"folders": [str(box.sticks)]}))
        full = world.boxes[2].sticks / "full"
        full.mkdir()
        world.mount_small_disk(full, "8k", UID_EDGE)

    # --- what a person does ---

    def plug_in(self, box, name, **files):
        """A stick with these files; all there at once, as a mount is."""
        made = box.folder / f"{name}.making"
        made.mkdir()
        for file, content in files.items():
            path = made / file.replace("__", ".").replace("_", "-")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            os.chown(path, UID_EDGE, GID)
        os.chown(made, UID_EDGE, GID)
        return made.rename(box.sticks / name)

    def pull_out(self, stick):
        shutil.rmtree(stick)
        time.sleep(LOOKS_S)

    def wait_for_verdict(self, stick, verdict, words="", within_s=60):
        def suits():
            found = verdict_in(stick)
            return found if found["verdict"] == verdict and words in found["words below"] else None
        try:
            return wait_for(f"the verdict {verdict}", suits, within_s)
        except TimeoutError:
            result = stick / RESULT
            self.fail(f"no {verdict!r} {words!r}: {result.read_text() if result.exists() else None}")

    def logged(self, box, event):
        return box.edge.log.read_text().count(f'"{event}"')

    def ticket(self, site, *words):
        return self.centre.ticket(site, *words)

    # --- what holds ---

    def test_1_sticks_from_a_table(self):
        box, other, stranger, _ = self.world.boxes
        table, made = self.world.folder / "sites.csv", self.world.folder / "sites"
        table.write_bytes(
            ("\ufeffsite;name;lan;gateway;devices\r\n"
             f"site-1;Werk Süd;192.168.10.2/24;192.168.10.1;gate={box.device_address(3)}\r\n"
             "site-2;;dhcp;;\r\n").encode())
        out = self.centre.alarmwire("config", "make", "--sites", str(table), "--out", str(made),
                                    json_output=False)
        self.assertEqual(len(out.splitlines()), 2, out)
        stick = self.plug_in(box, "sda1", alarmwire__toml=(
            made / "site-1/alarmwire.toml").read_bytes())
        second = self.plug_in(other, "sda1", alarmwire__toml=(
            made / "site-2/alarmwire.toml").read_bytes())
        verdict = self.wait_for_verdict(stick, "enrolled", "acknowledged a test alarm")
        self.assertEqual(verdict["box"], "site-1, Werk Süd")
        self.assertEqual(verdict["words"], self.centre.alarmwire("box", "show", "site-1")["words"])
        self.assertIn("quittiert", verdict["words below"])
        self.assertEqual(sorted(file.name for file in stick.iterdir()),
                         [RESULT, "alarmwire.toml"])
        self.wait_for_verdict(second, "enrolled")
        self.assertEqual(send(box, plain_mail("s-1")).stage, "stored")
        names = [device["name"] for device in box.alarmwire("device", "list")["devices"]]
        self.assertEqual(sorted(names), ["cam0", "cam1", "gate"])
        self.the_stick_that_stays_in_is_not_tried_again(box, stick)
        self.an_enrolled_box_takes_no_other_stick(box, made)
        self.a_used_ticket_is_refused_once(stranger, made)

    def the_stick_that_stays_in_is_not_tried_again(self, box, stick):
        (stick / RESULT).unlink()
        box.edge.restart()
        box.wait_for_door()
        self.wait_for_verdict(stick, "enrolled", "alarms reach the centre")
        self.assertEqual(self.logged(box, "EDGE_ENROLMENT_BEGUN"), 1)
        names = [device["name"] for device in box.alarmwire("device", "list")["devices"]]
        self.assertIn("gate", names, "kept over a restart")

    def an_enrolled_box_takes_no_other_stick(self, box, made):
        foreign = self.plug_in(box, "sdb1", alarmwire__toml=(
            made / "site-2/alarmwire.toml").read_bytes())
        verdict = self.wait_for_verdict(foreign, "not taken", "enrolled already")
        self.assertEqual(verdict["box"], "site-1, Werk Süd")
        self.assertEqual(self.logged(box, "EDGE_ENROLMENT_BEGUN"), 1)
        self.assertEqual(send(box, plain_mail("s-2")).stage, "stored")

    def a_used_ticket_is_refused_once(self, stranger, made):
        used = self.plug_in(stranger, "sda1", alarmwire__toml=(
            made / "site-1/alarmwire.toml").read_bytes())
        for turn in (1, 2):
            verdict = self.wait_for_verdict(used, "refused", "used by another box")
            self.assertIn("ask the centre for a new ticket", verdict["words below"])
            self.assertIn("von einer anderen Box", verdict["words below"])
            time.sleep(LOOKS_S)
            self.assertEqual(self.logged(stranger, "EDGE_ENROLMENT_BEGUN"), turn)
            if turn == 1:  # pulled out and put in again it is tried once more
                text = (used / "alarmwire.toml").read_bytes()
                self.pull_out(used)
                used = self.plug_in(stranger, "sda1", alarmwire__toml=text)
        self.pull_out(used)

    def test_2_expired_hostile_and_full_sticks(self):
        box = self.world.boxes[2]
        brief = self.ticket("site-3", "--expires", "1s")["text"]
        time.sleep(1.1)
        stick = self.plug_in(box, "sdb1", alarmwire_ticket__txt=b"\xff\xfe" + (
            brief.lower() + " \r\n").encode("utf-16-le"))
        self.wait_for_verdict(stick, "refused", "expired")
        self.hostile_sticks(box, stick)
        good = self.ticket("site-3")["text"]
        full = box.sticks / "full"
        (full / "filler").write_bytes(bytes(4096))
        (full / "alarmwire-ticket.txt").write_text(good)
        box.wait_for_link(60)
        wait_for("the log line", lambda: self.logged(box, "EDGE_STICK_NOT_WRITTEN"))
        self.assertEqual([f.name for f in full.iterdir() if f.name.startswith(RESULT)], [])
        self.assertEqual(send(box, plain_mail("s-3")).stage, "stored")

    def hostile_sticks(self, box, stick):
        outside = box.folder / "outside.txt"
        outside.write_text(self.ticket("outside")["text"])
        file = stick / "alarmwire-ticket.txt"
        result = stick / RESULT
        tricks = (
            ("it is a link", lambda: file.symlink_to(outside)),
            ("no plain file", lambda: os.mkfifo(file)),
            ("it is a folder", file.mkdir),
            ("larger than 256 KiB", lambda: os.truncate(os.open(file, os.O_CREAT | os.O_WRONLY),
                                                        1 << 40)),
            ("not UTF-8", lambda: file.write_bytes(b"ALARMWIRE\xe4" * 100)),
        )
        for words, trick in tricks:
            for old in (file, result):
                old.rmdir() if old.is_dir() else old.unlink(missing_ok=True)
            trick()
            self.wait_for_verdict(stick, "not taken", words)
            self.assertEqual(send(box, plain_mail(f"trick-{words}")).code, 250)
        file.unlink()
        result.unlink()
        result.symlink_to(outside)
        before = outside.read_text()
        file.write_text("nonsense!")
        self.wait_for_verdict(stick, "not taken", "none that tickets have")
        self.assertFalse(result.is_symlink())
        self.assertEqual(outside.read_text(), before)
        shutil.rmtree(stick)
        time.sleep(LOOKS_S)

    def test_3_a_scanner_at_the_console(self):
        """It types as on a German keyboard, the console is set to the US one; the first scan fails."""
        box = self.world.boxes[3]
        typed = self.ticket("site-4")["text"].lower().translate(QWERTZ)
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        enrolling = subprocess.Popen(
            [str(self.world.program("alarmwire")), "--socket", str(box.edge_socket), "enrol"],
            stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
        self.addCleanup(enrolling.kill)
        os.close(theirs)
        self.seen = ""
        self.read_until(ours, "Type or scan the ticket, then Enter:")
        os.write(ours, (typed[:50] + "\n").encode())
        self.read_until(ours, "This cannot be used")
        self.read_until(ours, "then Enter:")
        os.write(ours, (typed + "\n").encode())
        self.read_until(ours, "acknowledged a test alarm", 60)
        self.assertEqual(enrolling.wait(20), 0, self.seen)
        self.assertEqual(send(box, plain_mail("s-4")).stage, "stored")

    def test_4_folders_that_make_no_sense(self):
        box = self.world.boxes[3]
        good = box.edge_config.read_text()
        for wrong, words in ((good.replace(str(box.sticks), "sticks"), "whole path"),
                             (good.replace(str(box.sticks), "/"), "whole path"),
                             (good.replace('role = "box"', f'private_key_file = "/k"\n'
                                           f'prefix = "{self.world.prefix}"') +
                              f'[tunnel.centre]\npublic_key = "{self.centre.public_key}"\n'
                              'endpoints = ["192.0.2.1:1"]\n', "enrolled by a ticket")):
            path = box.folder / "edge-wrong.toml"
            path.write_text(wrong)
            done = subprocess.run([str(self.world.program("alarmwire-edge")), "--config", str(path),
                                   "--check-config"], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 78, done)
            self.assertIn("stick.folders: ", done.stderr)
            self.assertIn(words, done.stderr)

    def read_until(self, terminal, words, within_s=20):
        end = time.monotonic() + within_s
        while words not in self.seen:
            ready, _, _ = select.select([terminal], [], [], 0.2)
            if ready:
                self.seen += os.read(terminal, 4096).decode(errors="replace")
            self.assertLess(time.monotonic(), end, f"no {words!r} in {self.seen!r}")
        self.seen = self.seen.partition(words)[2]


if __name__ == "__main__":
    main()
