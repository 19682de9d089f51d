#!/usr/bin/python3
"""strace as the witness: fdatasync on the spool has returned before the first byte of `250` leaves,
for every mail, alone and under load."""

import re

from harness.case import EndToEnd, main
from harness.mails import Load, plain_mail, send
from harness.world import World

CALLS = "fsync,fdatasync,write,writev,sendto,sendmsg,recvfrom,recvmsg,read,readv"
SYNC = re.compile(r"f(?:data)?sync\(\d+<[^>]*spool\.db(?:-wal)?>\)")
SYNC_BEGUN = re.compile(r"^(\d+) +\S+ f(?:data)?sync\(\d+<[^>]*spool\.db(?:-wal)?> <unfinished")
RESUMED = re.compile(r"^(\d+) +\S+ <\.\.\. f(?:data)?sync resumed>.*= 0")
SENT_250 = re.compile(r'(?:write|writev|sendto|sendmsg)\(.*"250 2\.0\.0 (?:stored|spooled)')
SENT_354 = re.compile(r'(?:write|writev|sendto|sendmsg)\(.*"354 ')


def replies_without_sync(lines):
    """(replies seen, those not preceded by a finished sync since their 354). One device at a time."""
    replies, early, synced, under_way = 0, [], False, set()
    for line in lines:
        begun = SYNC_BEGUN.match(line)
        resumed = RESUMED.match(line)
        if begun:
            under_way.add(begun[1])
        elif resumed and resumed[1] in under_way:
            under_way.discard(resumed[1])
            synced = True
        elif SYNC.search(line) and line.rstrip().endswith("= 0") or SYNC.search(line) \
                and re.search(r"= 0 <", line):
            synced = True
        elif SENT_354.search(line):
            synced = False
        elif SENT_250.search(line):
            replies += 1
            if not synced:
                early.append(line)
            synced = False
    return replies, early


class CommitBeforeReply(EndToEnd):
    def test_the_judge_can_fail(self):
        sync = "7 1.0 fdatasync(5</d/spool.db-wal>) = 0"
        ready, reply = '8 1.0 sendmsg(9, {"354 go"}', '8 1.0 sendmsg(9, {"250 2.0.0 stored at"}'
        self.assertEqual(replies_without_sync([ready, sync, reply]), (1, []))
        self.assertEqual(replies_without_sync([sync, ready, reply])[1], [reply])
        begun = "7 1.0 fdatasync(5</d/spool.db-wal> <unfinished ...>"
        done = "7 1.0 <... fdatasync resumed>) = 0"
        self.assertEqual(replies_without_sync([ready, begun, reply, done])[1], [reply])
        self.assertEqual(replies_without_sync([ready, begun, done, reply]), (1, []))
        failed = "7 1.0 fdatasync(5</d/spool.db-wal>) = -1 EIO"
        self.assertEqual(replies_without_sync([ready, failed, reply])[1], [reply])

    def test_every_reply_follows_a_sync_of_the_spool(self):
        def prepare(world):
            edge = world.box.edge
            self.trace = world.box.folder / "edge/strace.txt"
            edge.prefix = ["strace", "-f", "-y", "-ttt", "-s", "48", "-e", f"trace={CALLS}",
                           "-o", str(self.trace)]

        with World(prepare=prepare) as world:
            for number in range(20):
                reply = send(world.box, plain_mail(f"sync-{number}"))
                self.assertTrue(reply.accepted, reply)
            world.box.cut_cable()
            for number in range(20):
                reply = send(world.box, plain_mail(f"cut-{number}", size_bytes=200_000))
                self.assertTrue(reply.accepted, reply)
            load = Load(world.box, devices=1, mails_per_device=50).start()
            load.join()
            lines = self.trace.read_text(errors="replace").splitlines()
        replies, early = replies_without_sync(lines)
        self.assertEqual(replies, 90)
        self.assertFalse(early, "a 250 left before its fdatasync had returned")
        self.say(f"{replies} replies, each after a finished fdatasync of the spool")


if __name__ == "__main__":
    main()
