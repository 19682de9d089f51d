"""SMTP byte for byte: what no library would send, or would mend on the way."""

import contextlib
import smtplib

from .mails import LanClient


class BegunMail:
    """A mail up to the 354; what follows goes on the wire as it is."""

    def __init__(self, namespace, source, host, port, sender, recipient, timeout_s=30):
        self.client = LanClient(namespace, source, timeout_s)
        self.client.connect(host, port)
        self.client.ehlo_or_helo_if_needed()
        for code, text in (self.client.mail(sender), self.client.rcpt(recipient)):
            assert code == 250, (code, text)
        code, text = self.client.docmd("DATA")
        assert code == 354, (code, text)

    def write(self, content):
        self.client.sock.sendall(content)

    def finish(self, content):
        """The last bytes and the end of data; (code, text) of the answer."""
        self.write(content + b"\r\n.\r\n")
        code, text = self.client.getreply()
        return code, text.decode("utf-8", "replace")

    def surplus_replies(self):
        """What the far side answers beyond one reply to each command; then the end."""
        found = []
        code, text = self.client.docmd("QUIT")
        with contextlib.suppress(OSError, smtplib.SMTPException):
            while code != 221:
                found.append((code, text))
                code, text = self.client.getreply()
        self.client.close()
        return found

    def cut_off(self):
        """The device goes away in the middle."""
        self.client.close()


def begin_mail(box, device=0, sender="cam1@edge.internal", recipient="alarm@edge.internal"):
    return BegunMail(box.lan, box.device_address(device), box.lan_address, box.smtp_port, sender,
                     recipient)
