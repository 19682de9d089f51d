#!/usr/bin/python3
"""Real mail clients at the door: each TLS mode, each AUTH mechanism, and what they send is at EBÜS.

All of them check the box's certificate against the authority that `alarmwire certificate export`
wrote, as a device does after a technician has imported it."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import smtplib
import ssl
import subprocess
import sys

from harness.case import EndToEnd, main
from harness.mails import LanClient, plain_mail
from harness.process import GID, UID_EDGE
from harness.world import World

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from chain import Postfix

HERE = pathlib.Path(__file__).resolve().parent
SENDMAIL = HERE.parents[1] / "build/e2e/busybox/sendmail"
CLEAR, SMTPS, SUBMISSION, LEGACY = 25, 465, 587, 2525
USER, PASSWORD = "camera", "Geheim-17"
NAME = "edge.internal"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")


def prepare(world):
    box = world.box
    address = box.lan_address
    password_file = box.folder / "edge/camera.password"
    password_file.write_text(PASSWORD + "\n")
    os.chown(password_file, UID_EDGE, GID)
    password_file.chmod(0o600)
    box.listeners += [
        {"name": "smtps", "address": address, "port": SMTPS},
        {"name": "submission", "address": address, "port": SUBMISSION, "tls": "required",
         "auth": "required"},
        {"name": "legacy", "address": address, "port": LEGACY, "tls_level": 0}]
    box.more_sections += [
        ("[page]", {"address": address}),
        ("[[smtp.user]]", {"name": USER, "password_file": str(password_file)}),
        ("[[device]]", {"name": "recorder", "address": box.device_address(5),
                        "foreign_recipients": True, "ehlo_hide": ["STARTTLS", "AUTH"]})]


class LanClientTls(LanClient):
    """smtplib with TLS from the first byte, from a device's address."""

    def __init__(self, namespace, device_address, context):
        self.context = context
        super().__init__(namespace, device_address)

    def _get_socket(self, host, port, timeout):
        return self.context.wrap_socket(super()._get_socket(host, port, timeout),
                                        server_hostname=NAME)


class Interop(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World(prepare=prepare).__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.mailbox = cls.world.box, cls.world.centre.mailbox
        cls.ca = cls.world.folder / "box-ca.pem"
        cls.box.alarmwire("certificate", "export", "--out", str(cls.ca), json_output=False)
        cls.context = ssl.create_default_context(cafile=cls.ca)

    def client(self, *argv, input="", check=True, timeout_s=60):
        """A program on the LAN, to its end; what it printed."""
        done = subprocess.run(["ip", "netns", "exec", self.box.lan.name, *map(str, argv)],
                              input=input, capture_output=True, text=True, timeout=timeout_s)
        said = done.stdout + done.stderr
        if check:
            self.assertEqual(done.returncode, 0, said)
        return said

    def assert_arrived(self, *test_ids):
        self.assert_none_missing(self.mailbox.wait_for(test_ids, 30))
        for test_id in test_ids:
            self.assertEqual(len(self.mailbox.find(test_id)), 1, test_id)

    def mail_file(self, test_id):
        path = self.world.folder / f"{test_id}.eml"
        path.write_bytes(plain_mail(test_id, size_bytes=20_000))
        return path

    def target(self, port):
        return f"{self.box.lan_address}:{port}"

    # --- swaks ---

    def swaks(self, test_id, port, *more):
        return self.client("swaks", "--server", self.target(port), "--from", "cam1@edge.internal",
                           "--to", "alarm@edge.internal", "--header", f"X-Test-Id: {test_id}",
                           "--tls-verify", "--tls-ca-path", self.ca, "--tls-sni", NAME, *more)

    def test_swaks(self):
        login = ("--auth-user", USER, "--auth-password", PASSWORD)
        self.swaks("swaks-clear", CLEAR, "--pipeline")
        self.swaks("swaks-starttls", CLEAR, "-tls")
        self.swaks("swaks-smtps", SMTPS, "-tlsc")
        for mechanism in MECHANISMS:
            self.swaks(f"swaks-{mechanism}", SUBMISSION, "-tls", "--auth", mechanism, *login)
        self.assert_arrived("swaks-clear", "swaks-starttls", "swaks-smtps",
                            *[f"swaks-{mechanism}" for mechanism in MECHANISMS])

    # --- curl ---

    def curl(self, test_id, url, *more):
        return self.client("curl", "--silent", "--show-error", "--url", url, "--cacert", self.ca,
                           "--mail-from", "cam1@edge.internal", "--mail-rcpt", "alarm@edge.internal",
                           "--upload-file", self.mail_file(test_id), *more)

    def test_curl(self):
        self.curl("curl-clear", f"smtp://{self.target(CLEAR)}")
        self.curl("curl-starttls", f"smtp://{self.target(CLEAR)}", "--ssl-reqd")
        self.curl("curl-smtps", f"smtps://{self.target(SMTPS)}")
        for mechanism in MECHANISMS:
            self.curl(f"curl-{mechanism}", f"smtp://{self.target(SUBMISSION)}", "--ssl-reqd",
                      "--user", f"{USER}:{PASSWORD}", "--login-options", f"AUTH={mechanism}")
        self.assert_arrived("curl-clear", "curl-starttls", "curl-smtps",
                            *[f"curl-{mechanism}" for mechanism in MECHANISMS])

    # --- msmtp ---

    def msmtp(self, test_id, port, *more):
        return self.client("msmtp", f"--host={self.box.lan_address}", f"--port={port}",
                           f"--tls-trust-file={self.ca}", "--from=cam1@edge.internal", *more,
                           "alarm@edge.internal", input=plain_mail(test_id).decode())

    def test_msmtp(self):
        self.msmtp("msmtp-clear", CLEAR)
        self.msmtp("msmtp-smtps", SMTPS, "--tls=on", "--tls-starttls=off")
        for mechanism in MECHANISMS:
            self.msmtp(f"msmtp-{mechanism}", SUBMISSION, "--tls=on", "--tls-starttls=on",
                       f"--auth={mechanism.lower()}", f"--user={USER}",
                       f"--passwordeval=echo {PASSWORD}")
        self.assert_arrived("msmtp-clear", "msmtp-smtps",
                            *[f"msmtp-{mechanism}" for mechanism in MECHANISMS])

    # --- Python's smtplib ---

    def login(self, mechanism, port=SUBMISSION, password=PASSWORD):
        client = LanClient(self.box.lan, self.box.device_address(1))
        self.addCleanup(client.close)
        client.connect(self.box.lan_address, port)
        client._host = NAME  # what the certificate must be for
        client.starttls(context=self.context)
        client.ehlo()
        client.user, client.password = USER, password
        method = getattr(client, "auth_" + mechanism.lower().replace("-", "_"))
        return client, client.auth(mechanism, method)[0]

    def test_smtplib(self):
        for mechanism in MECHANISMS:
            client, code = self.login(mechanism)
            self.assertEqual(code, 235)
            code, text = client.pass_on(plain_mail(f"smtplib-{mechanism}"), "cam1@edge.internal",
                                        "alarm@edge.internal")
            self.assertEqual(code, 250, text)
        client = LanClientTls(self.box.lan, self.box.device_address(1), self.context)
        client.connect(self.box.lan_address, SMTPS)
        client.ehlo()
        self.assertNotIn("starttls", client.esmtp_features)
        code, text = client.pass_on(plain_mail("smtplib-smtps"), "cam1@edge.internal",
                                    "alarm@edge.internal")
        client.close()
        self.assertEqual(code, 250, text)
        self.assert_arrived("smtplib-smtps", *[f"smtplib-{m}" for m in MECHANISMS])

    def test_a_wrong_password_loses_no_alarm_unless_it_is_required(self):
        client, code = self.login("LOGIN", port=CLEAR, password="typo")
        self.assertEqual(code, 235)
        code, text = client.pass_on(plain_mail("typo"), "cam1@edge.internal", "alarm@edge.internal")
        self.assertEqual(code, 250, text)
        self.assert_arrived("typo")
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.login("LOGIN", password="typo")
        log = self.box.edge.log.read_text()
        self.assertIn("SMTP_AUTH_WRONG", log)
        for secret in ("typo", PASSWORD, base64.b64encode(PASSWORD.encode()).decode()):
            self.assertNotIn(f'"{secret}', log, "a password in the log")

    # --- nodemailer ---

    def test_nodemailer(self):
        folder = self.world.folder / "nodemailer"
        shutil.copytree(HERE / "nodemailer", folder, ignore=shutil.ignore_patterns("node_modules"))
        installed = subprocess.run(["npm", "ci", "--no-progress"], cwd=folder, capture_output=True,
                                   text=True, timeout=120)
        self.assertEqual(installed.returncode, 0, installed.stderr)
        wish = {"host": self.box.lan_address, "user": USER, "pass": PASSWORD, "ca": str(self.ca)}
        for prefix, more in {
                "node-starttls": {"port": SUBMISSION, "secure": False, "method": "CRAM-MD5"},
                "node-smtps": {"port": SMTPS, "secure": True, "method": "LOGIN"}}.items():
            said = self.client("node", folder / "send.js",
                               json.dumps({**wish, **more, "prefix": prefix, "count": 20}))
            self.assertEqual(said.count("250 2.0.0"), 20, said)
            self.assert_arrived(*[f"{prefix}-{number}" for number in range(20)])

    # --- busybox sendmail, which many a camera's script calls ---

    def sendmail(self, test_id, *how):
        return self.client(SENDMAIL, *how, "-f", "cam1@edge.internal", "alarm@edge.internal",
                           input=plain_mail(test_id).decode())

    def test_busybox_sendmail(self):
        """Debian builds its busybox without this applet: `./dev test` makes one from its source."""
        if not SENDMAIL.exists():
            self.skipTest("no busybox with sendmail here (./dev test builds one)")
        login = (f"-au{USER}", f"-ap{PASSWORD}")
        self.sendmail("busybox-clear", "-S", self.target(CLEAR))
        self.sendmail("busybox-LOGIN", "-S", self.target(CLEAR), *login)
        for name, port, more in (("starttls", SUBMISSION, "-starttls smtp"), ("smtps", SMTPS, "")):
            helper = (f"exec openssl s_client -quiet -verify_return_error -verify_hostname {NAME}"
                      f" -CAfile {self.ca} {more} -connect {self.target(port)}")
            self.sendmail(f"busybox-{name}", "-H", helper, *login)
        self.assert_arrived("busybox-clear", "busybox-LOGIN", "busybox-starttls", "busybox-smtps")

    # --- Postfix as a client ---

    def test_postfix(self):
        relay = Postfix(self.box.lan, self.world.folder / "postfix-lan", "127.0.0.1:2599",
                        "127.0.0.0/8", relayhost=f"[{self.box.lan_address}]:{CLEAR}",
                        more={"smtp_tls_security_level": "secure", "smtp_tls_CAfile": self.ca,
                              "smtp_tls_secure_cert_match": NAME, "smtp_tls_loglevel": 1})
        relay.start()
        self.addCleanup(relay.stop)
        names = [f"postfix-{number}" for number in range(10)]
        client = LanClient(self.box.lan, "127.0.0.1")
        client.connect("127.0.0.1", 2599)
        client.ehlo()
        for name in names:
            code, text = client.pass_on(plain_mail(name), "cam1@edge.internal",
                                        "alarm@edge.internal")
            self.assertEqual(code, 250, text)
        client.close()
        self.assert_arrived(*names)
        self.assertIn("Verified TLS connection", (relay.folder / "log").read_text())

    # --- openssl s_client: a dialogue by hand ---

    def s_client(self, port, lines, *more):
        """What the box says to `lines`, the replies awaited one by one."""
        argv = ["timeout", "30", "ip", "netns", "exec", self.box.lan.name,
                "openssl", "s_client", "-connect", self.target(port), "-CAfile", str(self.ca),
                "-verify_return_error", "-verify_hostname", NAME, "-crlf", "-quiet", *more]
        run = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        said = []
        with run:
            if "-starttls" not in more:  # else it has heard the greeting by itself
                said.append(run.stdout.readline())
            for line in lines:
                line = line(said) if callable(line) else line
                run.stdin.write(line + "\n")
                run.stdin.flush()
                said.append(run.stdout.readline())
                while said[-1][3:4] == "-":
                    said.append(run.stdout.readline())
            run.stdin.close()
        return "".join(said)

    def test_openssl_each_mechanism_in_both_modes(self):
        def b64(text):
            return base64.b64encode(text.encode()).decode()

        def answer(said):
            challenge = base64.b64decode(said[-1].split()[1])
            digest = hmac.new(PASSWORD.encode(), challenge, hashlib.md5).hexdigest()
            return b64(f"{USER} {digest}")

        dialogues = {
            "PLAIN": ["AUTH PLAIN " + b64(f"\0{USER}\0{PASSWORD}")],
            "LOGIN": ["AUTH LOGIN", b64(USER), b64(PASSWORD)],
            "CRAM-MD5": ["AUTH CRAM-MD5", answer]}
        for mechanism, lines in dialogues.items():
            for port, more in ((SMTPS, ()), (SUBMISSION, ("-starttls", "smtp"))):
                name = f"openssl-{mechanism}-{port}"
                said = self.s_client(port, [
                    "EHLO camera", *lines, "MAIL FROM:<cam1@edge.internal>",
                    "RCPT TO:<alarm@edge.internal>", "DATA", f"X-Test-Id: {name}\n\nhi\n.", "QUIT"],
                    *more)
                self.assertIn("235 2.7.0", said)
                self.assertIn("250 2.0.0", said)
                self.assert_arrived(name)

    def test_openssl_old_versions_only_on_the_legacy_listener(self):
        old = ("-tls1", "-cipher", "ALL:@SECLEVEL=0", "-starttls", "smtp")
        self.assertIn("250 2.0.0 ok", self.s_client(LEGACY, ["NOOP", "QUIT"], *old))
        refused = self.client("openssl", "s_client", "-connect", self.target(CLEAR), *old,
                              check=False)
        self.assertIn("alert protocol version", refused)
        status = self.box.alarmwire("status", json_output=False)
        self.assertIn("WARNING: legacy takes old, weak TLS", status)

    # --- the box's side ---

    def test_the_exported_certificate_is_the_authority_in_both_forms(self):
        der = self.world.folder / "box-ca.der"
        self.box.alarmwire("certificate", "export", "--der", "--out", str(der), json_output=False)
        pem = subprocess.run(["openssl", "x509", "-inform", "DER", "-in", der], capture_output=True,
                             text=True, check=True).stdout
        self.assertEqual(pem.strip(), self.ca.read_text().strip())
        for form, name in (("pem", self.ca), ("der", der)):  # as a device's technician gets it
            got = self.world.folder / f"page.{form}"
            self.client("curl", "--silent", "--fail", "--output", got,
                        f"http://{self.box.lan_address}/ca.{form}")
            self.assertEqual(got.read_bytes(), name.read_bytes())
        shown = self.box.alarmwire("certificate", "show")
        self.assertIn(NAME, shown["names"])
        self.assertIn(self.box.lan_address, shown["addresses"])
        self.assertTrue(shown["own_authority"])
        self.assertIn("renewed by itself",
                      self.box.alarmwire("certificate", "show", json_output=False))

    def test_switches_of_a_device(self):
        client = LanClient(self.box.lan, self.box.device_address(5))
        client.connect(self.box.lan_address, CLEAR)
        client.ehlo()
        self.assertNotIn("starttls", client.esmtp_features)
        self.assertNotIn("auth", client.esmtp_features)
        code, text = client.pass_on(plain_mail("foreign"), "cam5@edge.internal", "guard@gmail.com")
        client.close()
        self.assertEqual(code, 250, text)
        self.assert_arrived("foreign")
        for recipient in self.mailbox.find("foreign")[0].recipients:
            self.assertTrue(recipient.endswith(".internal"), f"relayed to {recipient}")

    def test_a_restart_keeps_the_certificate(self):
        before = self.box.alarmwire("certificate", "show")
        self.box.edge.restart()
        self.box.wait_for_door()
        self.assertEqual(self.box.alarmwire("certificate", "show"), before)


if __name__ == "__main__":
    main()
