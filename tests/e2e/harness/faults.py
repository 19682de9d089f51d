"""Fault mails as EBÜS gets them."""

import dataclasses
import email
import email.policy
import time


@dataclasses.dataclass
class Fault:
    code: str
    over: bool
    about: str
    reason: str
    box: str
    sender: str
    recipients: list
    received_us: int


def read_fault(arrived):
    """The fault an English fault mail tells of, or None for any other mail."""
    if arrived.test_id:
        return None
    mail = email.message_from_bytes(arrived.content, policy=email.policy.default)
    if not str(mail["Subject"]).startswith("[Alarmwire] Fault"):
        return None
    lines = mail.get_content().splitlines()
    facts = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    return Fault(facts["Code"], lines[0].startswith("Fault over"), facts.get("About", ""),
                 facts.get("Reason", ""), facts["Box"], arrived.sender, arrived.recipients,
                 arrived.facts["received_us"])


def all_faults(mailbox, code, over=False):
    found = [read_fault(arrived) for arrived in mailbox.all()]
    return [fault for fault in found if fault and (fault.code, fault.over) == (code, over)]


def wait_for_faults(mailbox, code, over=False, count=1, within_s=30):
    """The faults of a code at EBÜS, as soon as there are `count`, or those that came in time."""
    end = time.monotonic() + within_s
    while True:
        found = all_faults(mailbox, code, over)
        if len(found) >= count or time.monotonic() > end:
            return found
        time.sleep(0.2)
