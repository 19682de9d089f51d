"""Mails of devices: made, sent from the LAN, recorded from outside; and what arrived at EBÜS."""

import base64
import contextlib
import dataclasses
import json
import pathlib
import random
import re
import smtplib
import socket
import threading
import time
from email.message import EmailMessage

from .picture import jpeg

TEST_ID = "X-Test-Id"
_ALARM_LINE = re.compile(rb"^X-Alarmwire-Id: (\S+)\r?$", re.MULTILINE)
_ID_LINE = re.compile(rb"^" + TEST_ID.encode() + rb": (\S+)\r?$", re.MULTILINE | re.IGNORECASE)
_REPLY = re.compile(r"(stored at centre|spooled at box|will be delivered), id ([0-9a-f-]{36})")
_STAGES = {"stored at centre": "stored", "spooled at box": "spooled"}


def plain_mail(test_id, subject="Motion", size_bytes=1024, sender="cam1@edge.internal",
               recipient="alarm@edge.internal"):
    """CRLF bytes of about `size_bytes`, the same each time; like a picture, the link can pack a
    quarter away and no more."""
    head = (f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: {subject}\r\n"
            f"{TEST_ID}: {test_id}\r\n\r\n").encode()
    missing = max(0, size_bytes - len(head))
    noise = base64.b64encode(random.Random(size_bytes).randbytes(missing * 3 // 4 + 3))
    lines = b"".join(noise[at:at + 76] + b"\r\n" for at in range(0, missing, 76))
    return head + lines[:missing].rstrip(b"\r\n") + b"\r\n"


def picture_mail(test_id, subject="Motion at the gate", picture_bytes=100 * 1024,
                 sender="cam1@edge.internal", recipient="alarm@edge.internal"):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail[TEST_ID] = sender, recipient, subject, test_id
    mail.set_content("Camera 1, motion at the gate\n")
    mail.add_attachment(jpeg(size_bytes=picture_bytes), maintype="image", subtype="jpeg",
                        filename="cam1.jpg")
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


@dataclasses.dataclass
class Reply:
    """What the device heard, and how long it waited (from the connect)."""

    test_id: str
    code: int
    text: str
    seconds: float = 0.0
    at: float = 0.0  # wall clock

    @property
    def accepted(self):
        return self.code == 250

    @property
    def stage(self):
        found = _REPLY.search(self.text)
        return _STAGES.get(found[1], "") if found else ""

    @property
    def alarm_id(self):
        found = _REPLY.search(self.text)
        return found[2] if found else ""


class LanClient(smtplib.SMTP):
    """smtplib, from a device's address in the LAN namespace."""

    def __init__(self, namespace, device_address, timeout_s=30):
        self._namespace, self._device_address = namespace, device_address
        super().__init__(timeout=timeout_s, local_hostname="camera")

    def _get_socket(self, host, port, timeout):
        made = self._namespace.socket()
        try:
            made.settimeout(timeout)
            made.bind((self._device_address, 0))
            made.connect((host, port))
        except OSError:
            made.close()
            raise
        return made

    def pass_on(self, content, sender, recipient):
        """One transaction; (code, text) of its last reply."""
        code, text = self.mail(sender)
        if code == 250:
            code, text = self.rcpt(recipient)
        if code == 250:
            code, text = self.data(content)
        return code, text.decode("utf-8", "replace")


def send(box, content, test_id="", sender="cam1@edge.internal", recipient="alarm@edge.internal",
         device=0, timeout_s=30, port=None):
    """One mail on a connection of its own, as cameras do. Network trouble becomes code 0."""
    began = time.monotonic()
    client = LanClient(box.lan, box.device_address(device), timeout_s)
    try:
        client.connect(box.lan_address, port or box.smtp_port)
        client.ehlo_or_helo_if_needed()
        code, text = client.pass_on(content, sender, recipient)
        reply = Reply(test_id, code, text, time.monotonic() - began, time.time())
        with contextlib.suppress(OSError, smtplib.SMTPException):
            client.docmd("QUIT")
        return reply
    except smtplib.SMTPResponseException as error:
        return Reply(test_id, error.smtp_code, str(error.smtp_error), time.monotonic() - began)
    except (OSError, smtplib.SMTPException) as error:
        return Reply(test_id, 0, repr(error), time.monotonic() - began)
    finally:  # not smtplib's own `with`: its QUIT would take a late reply for its own
        client.close()


class Load:
    """Devices that send without pause, each repeating a mail until it was answered 250, and the
    outside recorder of every 250. Bounded by count; stop() ends it earlier."""

    def __init__(self, box, devices=4, mails_per_device=100, size_bytes=1024, pause_s=0.0,
                 prefix="m", recipient="alarm@edge.internal", first_device=0):
        self.box, self.size_bytes, self.pause_s = box, size_bytes, pause_s
        self.prefix, self.recipient = prefix, recipient
        self.replies = []  # every 250, in the order heard by each device
        self.failures = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._device, args=(first_device + n, mails_per_device),
                             daemon=True)  # a test that gave up does not wait for its load
            for n in range(devices)
        ]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stop.set()
        self.join()

    def join(self):
        for thread in self._threads:
            thread.join()

    @property
    def running(self):
        return any(thread.is_alive() for thread in self._threads)

    def _device(self, device, mails):
        client = None
        for number in range(mails):
            test_id = f"{self.prefix}-{device}-{number}"
            content = plain_mail(test_id, size_bytes=self.size_bytes)
            tries = 0
            while not self._stop.is_set() and tries < 600:
                tries += 1
                client, reply = self._try(client, device, content, test_id)
                with self._lock:
                    (self.replies if reply.accepted else self.failures).append(reply)
                if reply.accepted:
                    break
                time.sleep(0.1)
            if self._stop.is_set():
                break
            time.sleep(self.pause_s)
        if client is not None:
            client.close()

    def _try(self, client, device, content, test_id):
        began = time.monotonic()
        try:
            if client is None:
                client = LanClient(self.box.lan, self.box.device_address(device), 20)
                client.connect(self.box.lan_address, self.box.smtp_port)
                client.ehlo_or_helo_if_needed()
            code, text = client.pass_on(content, f"cam{device}@edge.internal", self.recipient)
            if code != 250:
                client.close()
                client = None
        except (OSError, smtplib.SMTPException) as error:
            if client is not None:
                client.close()
            client, code, text = None, 0, repr(error)
        return client, Reply(test_id, code, text, time.monotonic() - began, time.time())


@dataclasses.dataclass
class Arrived:
    path: pathlib.Path
    facts: dict

    @property
    def content(self):
        return self.path.read_bytes()

    @property
    def test_id(self):
        found = _ID_LINE.search(self.content[:65536])
        return found[1].decode() if found else ""

    @property
    def alarm_id(self):
        found = _ALARM_LINE.search(self.content[:4096])  # ours stands on top of the device's
        return found[1].decode() if found else ""

    @property
    def sender(self):
        return self.facts["sender"]

    @property
    def recipients(self):
        return self.facts["recipients"]


class Mailbox:
    """The folder in which the stand-in keeps mails, in order of arrival."""

    def __init__(self, folder, envelopes):
        self.folder, self.envelopes = pathlib.Path(folder), pathlib.Path(envelopes)
        self._ids = {}  # file name → test id: a file never changes

    def all(self):
        paths = sorted(p for p in self.folder.glob("*.eml"))
        return [Arrived(p, self._facts(p)) for p in paths]

    def _facts(self, path):
        return json.loads((self.envelopes / f"{path.stem}.json").read_text())

    def test_ids(self):
        """Test ids in order of arrival; faults and other mails without one are left out."""
        found = []
        for path in sorted(self.folder.glob("*.eml")):
            if path.name not in self._ids:
                self._ids[path.name] = Arrived(path, {}).test_id
            if self._ids[path.name]:
                found.append(self._ids[path.name])
        return found

    def alarm_ids(self):
        """Alarm ids in order of arrival, as the centre wrote them into the mails."""
        return [arrived.alarm_id for arrived in self.all()]

    def find(self, test_id):
        return [a for a in self.all() if a.test_id == test_id]

    def find_by_name(self, test_id):
        """The first mail with this test id; quick also among thousands."""
        names = sorted(name for name, found in self._ids.items() if found == test_id)
        path = self.folder / names[0]
        return Arrived(path, self._facts(path))

    def wait_for(self, test_ids, within_s=60):
        """Until every one of them has arrived; answers what is still missing."""
        wanted = set(test_ids)
        end = time.monotonic() + within_s
        while True:
            missing = wanted - set(self.test_ids())
            if not missing or time.monotonic() > end:
                return missing
            time.sleep(0.05)

    def wait_until(self, suits, within_s=60):
        """The first mail for which suits(arrived) holds, or None."""
        end = time.monotonic() + within_s
        seen = set()
        while True:
            for path in sorted(self.folder.glob("*.eml")):
                if path.name in seen:
                    continue
                seen.add(path.name)
                arrived = Arrived(path, self._facts(path))
                if suits(arrived):
                    return arrived
            if time.monotonic() > end:
                return None
            time.sleep(0.05)


def tcp_probe(namespace, host, port, timeout_s=2.0, family=socket.AF_INET):
    """"open", or the reason why not, as seen from a namespace."""
    made = namespace.socket(family)
    made.settimeout(timeout_s)
    try:
        made.connect((host, port))
        return "open"
    except OSError as error:
        return type(error).__name__
    finally:
        made.close()
