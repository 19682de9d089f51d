#!/usr/bin/python3
"""The main job on real parts (./dev demo): a camera's alarm, its way, and two bad days.

Prints what happens, checks all of it, and exits 0 only when every check held."""

import argparse
import email
import email.policy
import json
import pathlib
import re
import subprocess
import sys
import time

from harness.case import PATIENCE_S, clear_up_when_ended
from harness.ledger import lost_or_doubled
from harness.mails import Load, Reply, picture_mail, plain_mail, send
from harness.picture import jpeg
from harness.world import World, remove_run, wait_for

TOP = pathlib.Path(__file__).resolve().parents[2]
ENV_FILE = TOP / "build/demo.env"
RUN_FILE = TOP / "build/demo.json"
PICTURE_BYTES = 100 * 1024
KILL_MAILS = 200  # of each camera


class Story:
    """Numbered steps, indented lines, and the checks that decide about the exit code."""

    def __init__(self):
        self.steps, self.failed, self.checks = 0, [], 0

    def step(self, title):
        self.steps += 1
        print(f"\n\033[1m{self.steps}. {title}\033[0m" if sys.stdout.isatty()
              else f"\n{self.steps}. {title}", flush=True)

    def say(self, text):
        for line in str(text).rstrip().splitlines():
            print(f"   {line}", flush=True)

    def check(self, holds, what):
        self.checks += 1
        self.say(f"{'ok    ' if holds else 'FAILED'} {what}")
        if not holds:
            self.failed.append(what)
        return holds


def swaks(box, story, picture):
    """A real client from a package; shows the conversation without the picture's lines."""
    path = box.world.folder / "cam1.jpg"
    path.write_bytes(picture)
    argv = ["swaks", "--server", box.lan_address, "--port", str(box.smtp_port),
            "--local-interface", box.device_address(0), "--helo", "camera1",
            "--from", "cam1@edge.internal", "--to", "alarm@edge.internal",
            "--header", "Subject: Motion at the gate", "--header", "X-Test-Id: demo-1",
            "--body", "Camera 1, motion at the gate", "--attach-type", "image/jpeg",
            "--attach-name", "cam1.jpg", "--attach", f"@{path}"]
    story.say(f"swaks --server {box.lan_address} --from cam1@edge.internal "
              "--to alarm@edge.internal --attach @cam1.jpg")
    done = subprocess.run(["ip", "netns", "exec", box.lan.name, *argv], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60)
    hidden = 0
    for line in done.stdout.splitlines():
        if re.match(r" -> [A-Za-z0-9+/=]{60,}$", line):
            hidden += 1
            continue
        if hidden:
            story.say(f" -> … {hidden} lines of the picture …")
            hidden = 0
        story.say(line)
    story.say(done.stderr)
    final = [line for line in done.stdout.splitlines() if re.match(r"<[-*~ ]+ +250 .*, id ", line)]
    text = final[-1].partition("250 ")[2] if final else ""
    return Reply("demo-1", 250 if final else 0, text)


def attached_picture(arrived):
    mail = email.message_from_bytes(arrived.content, policy=email.policy.default)
    for part in mail.walk():
        if part.get_content_type() == "image/jpeg":
            return part.get_payload(decode=True)
    return b""


def milliseconds(seconds):
    return f"{seconds * 1000:.0f} ms"


def enrol(world, story):
    """As an administrator and a technician do it: a ticket at the centre, the same at the box."""
    box, centre = world.box, world.centre
    story.step("The centre issues a ticket (alarmwire ticket create), the box takes it "
               "(alarmwire enrol)")
    wait_for("the tunnel at the centre", lambda: centre.status()["tunnel"]["reachable"])
    made = centre.alarmwire("ticket", "create", "--site", box.id, "--name", "Werk Süd",
                            json_output=False)
    story.say(made)
    ticket = re.search(r"^ALARMWIRE:\w+$", made, re.MULTILINE).group()
    began = time.monotonic()
    story.say(world.alarmwire_text("--socket", str(box.edge_socket), "enrol", input=ticket))
    story.check(world.link_is_up(box), f"enrolled, and the link is up after "
                f"{time.monotonic() - began:.1f} s")


def quiet_day(world, story):
    box, mailbox = world.box, world.centre.mailbox
    story.step("A camera mails an alarm with a picture (swaks, 100 KiB JPEG)")
    picture = jpeg(size_bytes=PICTURE_BYTES)
    reply = swaks(box, story, picture)
    story.check(reply.stage == "stored", "the camera's 250 says: stored at centre")
    missing = mailbox.wait_for(["demo-1"], 20)
    if story.check(not missing, "EBÜS has the mail"):
        arrived = mailbox.find("demo-1")[0]
        story.check(attached_picture(arrived) == picture, "with the picture, byte for byte")

    story.step("The way of this alarm, stage by stage (alarmwire alarm trace)")
    text = world.centre.alarmwire("alarm", "trace", reply.alarm_id, json_output=False)
    story.say(text)
    story.check("handed over" in text, "the trace ends at EBÜS")

    story.step("The same once more, timed from the camera's connect")
    reply = send(box, picture_mail("demo-2"), "demo-2")
    began = reply.at - reply.seconds
    missing = mailbox.wait_for(["demo-2"], 20)
    if story.check(reply.accepted and not missing, f"answered after {milliseconds(reply.seconds)}: "
                   f"{reply.code} {reply.text}"):
        total = mailbox.find("demo-2")[0].facts["received_us"] / 1e6 - began
        story.check(total < 1, f"connect → EBÜS in {milliseconds(total)}: under one second")


def cut_day(world, story):
    box, mailbox = world.box, world.centre.mailbox
    story.step("The WAN is cut; the camera mails; the WAN is restored")
    box.cut_cable()
    story.say("the cable to the Internet is out")
    before = send(box, plain_mail("demo-3"), "demo-3")
    story.say(f"{milliseconds(before.seconds):>8}  {before.code} {before.text}")
    again = send(box, plain_mail("demo-4"), "demo-4")
    story.say(f"{milliseconds(again.seconds):>8}  {again.code} {again.text}")
    story.check(before.stage == "spooled" and again.stage == "spooled",
                "both 250 say: spooled at box")
    story.check(again.seconds < 1, "and nobody waits while the link is down")
    story.check(len(mailbox.wait_for(["demo-3", "demo-4"], 1)) == 2, "EBÜS has neither yet")
    box.mend_cable()
    began = time.monotonic()
    missing = mailbox.wait_for(["demo-3", "demo-4"], 60)
    story.check(not missing, f"the cable is back: EBÜS has both after "
                f"{time.monotonic() - began:.1f} s")


def kill_day(world, story):
    box, mailbox = world.box, world.centre.mailbox
    story.step("The box is killed (kill -9) three times while four cameras send")
    load = Load(box, devices=4, mails_per_device=KILL_MAILS, prefix="load").start()
    for _ in range(3):
        time.sleep(1.0)
        heard = len(load.replies)
        box.edge.kill()
        box.edge.start()
        box.wait_for_door()
        story.say(f"killed after {heard} mails had been answered 250; started again")
    load.join()
    recorded = [reply.test_id for reply in load.replies]
    story.say(f"{len(recorded)} mails were answered 250, {len(load.failures)} tries were not")
    story.check(len(set(recorded)) == 4 * KILL_MAILS, "every camera got rid of its mails")
    missing = mailbox.wait_for(recorded, 60)
    story.check(not missing, f"of {len(recorded)} answered 250, EBÜS lacks {len(missing)}")
    lost, doubled = lost_or_doubled(world.centre, [r.alarm_id for r in load.replies])
    story.check(not lost and not doubled,
                f"in the ledger each stands exactly once (lost {len(lost)}, "
                f"twice {len(doubled)})")


def prepare(world):
    """Beside port 25, where STARTTLS is offered too, the two ports devices know for TLS."""
    address = world.box.lan_address
    world.box.listeners += [{"name": "submission", "address": address, "port": 587},
                            {"name": "smtps", "address": address, "port": 465}]


def environment(world):
    box, centre = world.box, world.centre
    authority = world.folder / "box-ca.pem"
    box.alarmwire("certificate", "export", "--out", str(authority), json_output=False)
    return {
        "DEMO_RUN": world.folder,
        "DEMO_NETNS_LAN": box.lan.name, "DEMO_NETNS_BOX": box.netns.name,
        "DEMO_NETNS_WAN": world.wan.name, "DEMO_NETNS_CENTRE": centre.netns.name,
        "DEMO_SMTP": f"{box.lan_address}:{box.smtp_port}",
        "DEMO_STARTTLS": f"{box.lan_address}:587", "DEMO_SMTPS": f"{box.lan_address}:465",
        "DEMO_BOX_CA": authority,
        "DEMO_DEVICE_ADDRESS": box.device_address(0),
        "DEMO_PID_EDGE": box.edge.pid, "DEMO_PID_EDGE_TUNNEL": box.tunnel.pid,
        "DEMO_PID_RECEIVER": centre.receiver.pid, "DEMO_PID_RECEIVER_TUNNEL": centre.tunnel.pid,
        "DEMO_PID_EBUES": centre.standin.pid,
        "DEMO_SOCKET_EDGE": box.edge_socket, "DEMO_SOCKET_EDGE_TUNNEL": box.tunnel_socket,
        "DEMO_SOCKET_RECEIVER": centre.receiver_socket,
        "DEMO_SOCKET_RECEIVER_TUNNEL": centre.tunnel_socket,
        "DEMO_CONFIG_EDGE": box.edge_config, "DEMO_CONFIG_RECEIVER": centre.receiver_config,
        "DEMO_DATA_EDGE": box.folder, "DEMO_DATA_RECEIVER": centre.folder,
        "DEMO_SPOOL": box.folder / "spool", "DEMO_LEDGER": centre.folder / "ledger",
        "DEMO_LOG_EDGE": box.edge.log, "DEMO_LOG_RECEIVER": centre.receiver.log,
        "DEMO_EBUES_MAILS": centre.mails, "DEMO_EBUES_ENVELOPES": centre.envelopes,
        "DEMO_EBUES_RULES": centre.rules,
        # In the WAN's namespace: take one down to cut the way to the box, or to the centre.
        "DEMO_VETH_WAN_BOX": box.cable, "DEMO_VETH_WAN_CENTRE": "centre",
        "DEMO_ALARMWIRE": world.program("alarmwire"),
    }


def keep(world, story):
    values = environment(world)
    ENV_FILE.parent.mkdir(exist_ok=True)
    ENV_FILE.write_text("".join(f"{key}='{value}'\n" for key, value in values.items()))
    RUN_FILE.write_text(json.dumps(world.describe()))
    story.step("It is left running. To play with it:")
    story.say(""". build/demo.env
# a mail from the camera
ip netns exec $DEMO_NETNS_LAN swaks --server $DEMO_SMTP --from cam1@edge.internal --to alarm@edge.internal
# the same inside TLS, the box's certificate checked
ip netns exec $DEMO_NETNS_LAN swaks --server $DEMO_SMTPS -tlsc --tls-verify --tls-ca-path $DEMO_BOX_CA --from cam1@edge.internal --to alarm@edge.internal
# what box and centre say
$DEMO_ALARMWIRE --socket $DEMO_SOCKET_EDGE status
$DEMO_ALARMWIRE --socket $DEMO_SOCKET_RECEIVER status
$DEMO_ALARMWIRE --socket $DEMO_SOCKET_RECEIVER alarm list
# cut the way, and restore it
ip -n $DEMO_NETNS_WAN link set $DEMO_VETH_WAN_BOX down
ip -n $DEMO_NETNS_WAN link set $DEMO_VETH_WAN_BOX up
# the mails EBÜS took
ls $DEMO_EBUES_MAILS
# and the end of it
./dev demo --down""")


def take_down():
    if not RUN_FILE.exists():
        print("no demo is running")
        return
    remove_run(json.loads(RUN_FILE.read_text()))
    RUN_FILE.unlink()
    ENV_FILE.unlink(missing_ok=True)
    print("the demo is gone, with everything it made")


def play(stay):
    story = Story()
    began = time.monotonic()
    story.step("A site, the Internet and a centre: four namespaces, a real WireGuard tunnel")
    world = World(prepare=prepare, by_ticket=True)
    ended_well = False
    try:
        world.start()
        box = world.box
        story.say(f"{box.lan.name} (cameras)  {box.netns.name} (box)  {world.wan.name} (Internet)  "
                  f"{world.centre.netns.name} (centre, EBÜS stand-in)")
        enrol(world, story)
        story.say(box.alarmwire("status", json_output=False))
        quiet_day(world, story)
        cut_day(world, story)
        kill_day(world, story)
        story.step("What the centre says now (alarmwire status)")
        story.say(world.centre.alarmwire("status", json_output=False))
        ended_well = not story.failed
        if stay:
            keep(world, story)
    except (Exception, KeyboardInterrupt) as error:  # shown, and it counts as failed
        story.check(False, f"{type(error).__name__}: {error}")
    finally:
        if not ended_well:
            print(world.last_words(), file=sys.stderr)
        if not stay or not RUN_FILE.exists():
            world.remove()
    passed = story.checks - len(story.failed)
    print(f"\n{passed} checks held, {len(story.failed)} did not, "
          f"in {time.monotonic() - began:.0f} s")
    return 0 if ended_well else 1


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave it running (build/demo.env)")
    parser.add_argument("--down", action="store_true", help="end a kept demo, remove all it made")
    options = parser.parse_args()
    clear_up_when_ended(PATIENCE_S)
    if options.down or (options.keep and RUN_FILE.exists()):
        take_down()
    if options.down:
        return 0
    return play(options.keep)


if __name__ == "__main__":
    sys.exit(main())
