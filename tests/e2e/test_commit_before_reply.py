#!/usr/bin/python3
"""strace as the witness: fdatasync on the spool has returned before the first byte of `250` leaves,
for every mail, alone and under load."""

import re

from harness.case import EndToEnd, main
from harness.mails import Load, plain_mail, send
from harness.world import World

CALLS = "fsync,fdatasync,write,writev,sendto,sendmsg,recvfrom,recvmsg,read,readv"
SPOOL = r"f(?:data)?sync\(\d+<[^>]*spool\.db(?:-wal)?>"
SYNC = re.compile(SPOOL + r"\) += 0")
SYNC_BEGUN = re.compile(r"^(\d+) +\S+ " + SPOOL + " <unfinished")
RESUMED = re.compile(r"^(\d+) +\S+ <\.\.\. f(?:data)?sync resumed>.*= 0")
SENT_250 = re.compile(r'(?:write|writev|sendto|sendmsg)\(.*"250 2\.0\.0 (?:stored|spooled)')
SENT_354 = re.compile(r'(?:write|writev|sendto|sendmsg)\((\d+)<.*"354 ')
RECEIVED = re.compile(r"(?:recvfrom|recvmsg|read|readv)\((\d+)<.*= [1-9]\d*$")


def replies_without_sync(lines):
    """(replies seen, those before which no sync of the spool was begun and finished after the last
    bytes of the mail had been read). One device at a time."""
    replies, early, synced, under_way, device = 0, [], False, set(), None
    for line in lines:
        begun, resumed = SYNC_BEGUN.match(line), RESUMED.match(line)
        asked, received = SENT_354.search(line), RECEIVED.search(line)
        if begun:
            under_way.add(begun[1])
        elif resumed and resumed[1] in under_way:
            under_way.discard(resumed[1])
            synced = True
        elif SYNC.search(line):
            synced = True
        elif asked:
            device = asked[1]
        elif received and received[1] == device:
            synced = False
            under_way.clear()
        elif SENT_250.search(line):
            replies += 1
            if not synced:
                early.append(line)
            synced = False
    return replies, early


class CommitBeforeReply(EndToEnd):
    def test_the_judge_can_fail(self):
        sync = "7 1.0 fdatasync(5</d/spool.db-wal>) = 0"
        ready, reply = '8 1.0 sendto(9<s>, "354 go"', '8 1.0 sendto(9<s>, "250 2.0.0 stored at"'
        read = '8 1.0 recvfrom(9<s>, "..") = 2'
        begun = "7 1.0 fdatasync(5</d/spool.db-wal> <unfinished ...>"
        done = "7 1.0 <... fdatasync resumed>) = 0"
        for good in ([ready, read, sync, reply], [ready, read, begun, done, reply]):
            self.assertEqual(replies_without_sync(good), (1, []), good)
        for bad in ([sync, ready, read, reply], [ready, sync, read, reply],
                    [ready, read, begun, reply, done], [ready, begun, read, done, reply],
                    [ready, read, sync.replace("= 0", "= -1 EIO"), reply],
                    [ready, read, sync.replace("spool", "other"), reply]):
            self.assertEqual(replies_without_sync(bad), (1, [reply]), bad)

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
