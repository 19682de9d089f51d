#!/usr/bin/python3
"""A real SMTP server in the place of EBÜS's AccAlarmReceiverSMTP.

Every mail becomes one file in --mails, byte for byte as it came, written to a temporary name,
synced, then renamed. Beside it, in --envelopes, a JSON file of the same stem says who spoke, the
envelope and when. What it answers can be changed while it runs: --rules names a JSON file, read
anew when it changes:

    [{"recipient": "*@site-b.*", "sender": "*", "contains": "text", "at": "data",
      "code": 451, "text": "4.3.0 not now", "delay_s": 0, "times": 3}]

The first rule that fits decides; without "code" it only delays; "times" wears a rule out;
"at" is "rcpt" or "data" (default).
"""

import argparse
import asyncio
import fnmatch
import json
import os
import pathlib
import signal
import ssl
import time

from aiosmtpd.smtp import SMTP, AuthResult


class StandIn(SMTP):
    line_length_limit = 64 * 1024 * 1024  # bytes; a picture may come as one line


class Rules:
    def __init__(self, path):
        self.path = path
        self.stamp = None
        self.rules = []

    def find(self, at, sender, recipients, content=b""):
        self._refresh()
        for rule in self.rules:
            if rule.get("at", "data") != at or rule.get("times") == 0:
                continue
            if not fnmatch.fnmatch(sender or "", rule.get("sender", "*")):
                continue
            pattern = rule.get("recipient", "*")
            if not any(fnmatch.fnmatch(r, pattern) for r in recipients):
                continue
            if rule.get("contains", "").encode() not in content:
                continue
            if "times" in rule:
                rule["times"] -= 1
            return rule
        return {}

    def _refresh(self):
        try:
            status = os.stat(self.path)
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self.stamp:
                self.rules = json.loads(pathlib.Path(self.path).read_text())
                self.stamp = stamp
        except (OSError, TypeError):
            self.rules = []
            self.stamp = None


class Keeper:
    """Keeps mails as files; the handler hooks of aiosmtpd."""

    def __init__(self, mails, envelopes, rules):
        self.mails = mails
        self.envelopes = envelopes
        self.rules = rules
        self.count = 0
        self.run = f"{int(time.time() * 1000):013d}"

    async def handle_RCPT(self, server, session, envelope, address, options):
        rule = self.rules.find("rcpt", envelope.mail_from, [address])
        await asyncio.sleep(rule.get("delay_s", 0))
        if rule.get("code", 250) >= 400:
            return f"{rule['code']} {rule.get('text', 'refused on demand')}"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, server, session, envelope):
        received = time.time()
        rule = self.rules.find("data", envelope.mail_from, envelope.rcpt_tos, envelope.content)
        await asyncio.sleep(rule.get("delay_s", 0))
        if rule.get("code", 250) >= 400:
            return f"{rule['code']} {rule.get('text', 'refused on demand')}"
        self.count += 1
        stem = f"{self.run}-{self.count:07d}"
        facts = {
            "received_us": int(received * 1e6),
            "peer": str(session.peer),
            "helo": session.host_name,
            "tls": session.ssl is not None or is_inside_tls(server),
            "login": bool(session.authenticated),
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "size": len(envelope.content),
        }
        (self.envelopes / f"{stem}.json").write_text(json.dumps(facts))
        write_whole(self.mails / f"{stem}.eml", envelope.content)
        return f"250 2.0.0 taken as {stem}"


def is_inside_tls(server):
    """From the first byte on, which aiosmtpd does not tell of."""
    return server.transport.get_extra_info("ssl_object") is not None


def write_whole(path, content):
    """All or nothing: readers of the folder never meet half a mail."""
    temporary = path.parent / f".{path.name}.part"
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def login_checker(expected):
    def check(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        return AuthResult(success=given == expected, handled=False)

    return check


async def serve(options):
    mails, envelopes = pathlib.Path(options.mails), pathlib.Path(options.envelopes)
    keeper = Keeper(mails, envelopes, Rules(options.rules))
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
    inside_tls = options.tls == "implicit"

    def session():
        return StandIn(
            keeper,
            hostname="ebues.internal",
            ident="EBUES stand-in",
            data_size_limit=64 * 1024 * 1024,
            enable_SMTPUTF8=True,
            tls_context=context if options.tls == "starttls" else None,
            require_starttls=options.tls == "starttls",
            auth_required=bool(options.login),
            auth_require_tls=options.tls == "starttls",
            authenticator=login_checker(options.login) if options.login else None,
        )

    host, port = options.listen.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        session, host.strip("[]"), int(port), backlog=1024, ssl=context if inside_tls else None
    )
    print(f"listening on {options.listen}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", required=True, help="ADDRESS:PORT")
    parser.add_argument("--mails", required=True)
    parser.add_argument("--envelopes", required=True)
    parser.add_argument("--rules", default="/nonexistent")
    parser.add_argument("--tls", choices=("none", "starttls", "implicit"), default="none")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--login", help="USER:PASSWORD that must be given")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
