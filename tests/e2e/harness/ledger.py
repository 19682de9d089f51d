"""The centre's book, read from outside: not through the programs under test (format:
receiver/ledger)."""

import collections
import dataclasses
import sqlite3
import uuid


@dataclasses.dataclass
class Entry:
    position: int
    box: str
    epoch: int
    lane: int
    seq: int
    alarm_id: str
    kind: int  # 1 mail, 2 fault, 3 its end
    size: int
    envelope: bytes
    repeats: int  # byte-identical resends that joined it


def entries(centre):
    """All records, by position."""
    file = sqlite3.connect(f"file:{centre.folder}/ledger/ledger.db?mode=ro", uri=True, timeout=10)
    try:
        rows = file.execute(
            "SELECT position, name, epoch, lane, seq, alarm_id, kind, size, envelope, repeats"
            " FROM records JOIN boxes ON boxes.number = records.box ORDER BY position").fetchall()
    finally:
        file.close()
    return [Entry(*row[:5], str(uuid.UUID(bytes=row[5])), *row[6:]) for row in rows]


def lost_or_doubled(centre, alarm_ids):
    """Which of these ids the ledger lacks, and which it has more than once."""
    counts = collections.Counter(entry.alarm_id for entry in entries(centre))
    wanted = set(alarm_ids)
    return [i for i in wanted if counts[i] == 0], [i for i in wanted if counts[i] > 1]


def identity_breaches(found):
    """What must not be: an identity twice, or a seq before a smaller one of its (box, epoch,
    lane)."""
    wrong, seen, highest = [], set(), {}
    for entry in found:
        lane = (entry.box, entry.epoch, entry.lane)
        if (*lane, entry.seq) in seen or entry.seq < highest.get(lane, 0):
            wrong.append(entry)
        seen.add((*lane, entry.seq))
        highest[lane] = entry.seq
    return wrong


def overtaken_at_ebues(found, arrivals):
    """Alarm ids that reached EBÜS (for the first time) before an earlier one of their box and
    lane. `arrivals`: alarm ids in order of arrival; a repeat after a lost reply is allowed."""
    first = {}
    for place, alarm_id in enumerate(arrivals):
        first.setdefault(alarm_id, place)
    wrong, latest = [], {}
    for entry in found:
        if entry.alarm_id not in first:
            continue
        lane = (entry.box, entry.lane)
        if first[entry.alarm_id] < latest.get(lane, -1):
            wrong.append(entry.alarm_id)
        latest[lane] = max(first[entry.alarm_id], latest.get(lane, -1))
    return wrong


def out_of_sending_order(found, replies):
    """Test ids `prefix-device-number` that the ledger booked, within a lane, after a later one of
    the same device: a device hears each 250 before it sends its next mail."""
    test_of = {reply.alarm_id: reply.test_id for reply in replies}
    wrong, highest = [], {}
    for entry in found:
        test_id = test_of.get(entry.alarm_id)
        if test_id is None:
            continue
        stream, _, number = test_id.rpartition("-")
        key = (stream, entry.lane)
        if int(number) < highest.get(key, -1):
            wrong.append(test_id)
        highest[key] = max(int(number), highest.get(key, -1))
    return wrong
