#!/usr/bin/python3
"""The Debian packages, by the real dpkg in a Debian of their own (machine.py): installed, upgraded, downgraded,
purged; the daemons started as their units say.

ALARMWIRE_PACKAGES: the folder with the .deb files    ALARMWIRE_PACKAGES_CACHE: where the Debian is kept
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import sbom_rules
from machine import Machine, base, field, repack

FOLDER = pathlib.Path(os.environ["ALARMWIRE_PACKAGES"]).resolve()
CACHE = pathlib.Path(os.environ["ALARMWIRE_PACKAGES_CACHE"]).resolve()
NAMES = ("alarmwire", "alarmwire-doc", "alarmwire-edge", "alarmwire-receiver")
EDGE, RECEIVER = pathlib.Path("etc/alarmwire/edge.toml"), pathlib.Path("etc/alarmwire/receiver.toml")
EXPOSURE_MOST = 2.0
ADMIN, STRANGER = 1001, 1002


def package(name):
    found = sorted(FOLDER.glob(f"{name}_*.deb"))
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} packages {name} in {FOLDER}")
    return found[0]


class Packages(unittest.TestCase):
    """What can be said of them without installing."""

    def test_lintian_has_nothing_to_say(self):
        said = subprocess.run(
            ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0",
             *[str(package(name)) for name in NAMES]], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.assertEqual(said.returncode, 0, said.stdout)

    def test_every_override_says_why(self):
        for name in NAMES:
            lines = self.file(name, f"./usr/share/lintian/overrides/{name}").splitlines()
            self.assertTrue(lines, name)
            for before, line in zip(["", *lines], lines):
                if not line.startswith("#"):
                    self.assertRegex(before, r"^# \S.{20,}", line)

    def file(self, name, path):
        """A file of a package; "" where it has none."""
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package(name))], check=True,
                             capture_output=True).stdout
        done = subprocess.run(["tar", "-xO", path], input=tar, capture_output=True)
        return done.stdout.decode() if done.returncode == 0 else ""

    def test_each_says_what_is_inside(self):
        for name in NAMES:
            text = self.file(name, f"./usr/share/doc/{name}/sbom.cdx.json")
            bill = sbom_rules.check(text)
            own = bill["metadata"]["component"]
            self.assertEqual((own["name"], own["version"]), (name, field(package(name), "Version")))
            inside = {each["name"] for each in bill["components"]}
            # What dpkg is told to bring along, of libraries, is there with the version it had.
            for wanted in re.findall(r"(lib[^ ,(]+)", field(package(name), "Depends")):
                self.assertIn(wanted, inside, name)
        self.assertIn("wireguard-tools", {
            each["name"] for each in sbom_rules.check(self.file(
                "alarmwire-edge", "./usr/share/doc/alarmwire-edge/sbom.cdx.json"))["components"]},
            "its library is compiled in")

    def test_a_bill_with_a_hole_is_refused(self):
        text = self.file("alarmwire", "./usr/share/doc/alarmwire/sbom.cdx.json")
        for was, now in (('"specVersion": "1.6"', '"specVersion": "1.4"'), ('"urn:uuid:', '"urn:'),
                         ('"purl": "pkg:deb', '"purl": "deb'), ('"name": "libc6"', '"nom": "libc6"'),
                         ('"ref": "pkg:deb/debian/libc6', '"ref": "pkg:deb/debian/libc7')):
            self.assertIn(was, text)
            with self.assertRaises(AssertionError, msg=now):
                sbom_rules.check(text.replace(was, now, 1))


class Installed(unittest.TestCase):
    tar = None

    def setUp(self):
        self.machine = Machine(Installed.tar)
        self.addCleanup(self.machine.remove)
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="alarmwire-pk-deb-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.scratch)

    def install(self, *names, ok=True):
        return self.machine.dpkg("-i", *[package(name) for name in names], ok=ok)[1]

    def newer(self, name, change=None):
        was = field(package(name), "Version")
        return repack(package(name), self.scratch, was + "+1", change), was + "+1"

    def edit(self, file, was, now):
        path = self.machine.root / file
        self.assertIn(was, path.read_text())
        path.write_text(path.read_text().replace(was, now, 1))

    def owner(self, path):
        return self.machine.run("stat", "-c", "%U %a", f"/{path}")[1].strip()

    def send(self, subject):
        """A mail through the door, as a device; the reply to its final dot."""
        inside = ("import smtplib, sys\nclient = smtplib.SMTP('127.0.0.1', 25, timeout=20)\n"
                  "client.ehlo('cam'); client.mail('cam@site'); client.rcpt('alarm@edge.internal')\n"
                  f"print(client.data(b'Subject: {subject}\\r\\n\\r\\nhello\\r\\n'))\n")
        return self.machine.net.inside(sys.executable, "-c", inside)

    def members(self):
        """An administrator in the group `alarmwire`, and somebody who is not."""
        group = self.machine.run("getent", "group", "alarmwire")[1].split(":")[2]
        return (ADMIN, ADMIN, group), (STRANGER, STRANGER, STRANGER)

    # --- units ------------------------------------------------------------------------------------

    def test_units_are_sound_and_closed(self):
        for name in ("alarmwire-edge", "alarmwire-receiver"):
            self.install(name)
            for unit in ("alarmwire-tunnel", name):
                file = f"/usr/lib/systemd/system/{unit}.service"
                code, said = self.machine.run("systemd-analyze", "verify", "--recursive-errors=no",
                                              "--man=no", file, ok=False)
                self.assertEqual((code, said), (0, ""), unit)
                said = self.machine.run("systemd-analyze", "security", "--offline=yes", "--no-pager",
                                        file)[1]
                exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", said).group(1))
                self.assertLessEqual(exposure, EXPOSURE_MOST, f"{unit}\n{said}")
                print(f"    {name}: {unit} {exposure}", flush=True)
            self.machine.dpkg("--purge", name)

    def test_a_wrong_configuration_is_no_crash_loop(self):
        for name in ("alarmwire-edge", "alarmwire-receiver"):
            self.install(name)
            for unit in ("alarmwire-tunnel", name):
                text = self.machine.unit_file(unit).read_text()
                self.assertIn("\nRestartPreventExitStatus=78\n", text)
                program = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE).group(1).split()
                config = self.machine.root / f"etc/alarmwire/{name.partition('-')[2]}.toml"
                good = config.read_text()
                config.write_text(good.replace("[tunnel]", "[tunnell]"))
                code, said = self.machine.run(*program, ok=False)
                self.assertEqual(code, 78, said)
                self.assertIn("tunnel", said)
                config.rename(config.with_suffix(".away"))
                code, said = self.machine.run(*program, ok=False)
                self.assertEqual(code, 78, said)
                self.assertIn(str(config).removeprefix(str(self.machine.root)), said)
                config.write_text(good)
            self.machine.dpkg("--purge", name)

    # --- a box ------------------------------------------------------------------------------------

    def test_a_box_takes_alarms_after_apt_install(self):
        """With its default configuration, started as the units say."""
        said = self.install("alarmwire-edge", "alarmwire")
        self.assertNotIn("does not run yet", said)
        wants = self.machine.root / "etc/systemd/system/multi-user.target.wants"
        for unit in ("alarmwire-tunnel", "alarmwire-edge"):
            self.assertTrue((wants / f"{unit}.service").is_symlink(), "enabled")
        self.assertEqual(self.owner("var/lib/alarmwire/edge"), "alarmwire-edge 700")
        self.assertEqual(self.owner("var/lib/alarmwire-tunnel"), "alarmwire-tunnel 700")
        self.assertEqual(self.owner("run/wireguard"), "alarmwire-tunnel 700")
        self.assertEqual(self.owner("etc/alarmwire/edge.toml"), "root 644")
        self.assert_lives(("alarmwire-tunnel", ["CAP_NET_ADMIN"]), ("alarmwire-edge", []))
        self.assertIn("spooled at box", self.send("first"))
        page = self.machine.net.inside("curl", "-sS", "-m", "10", "http://127.0.0.1/")
        self.assertIn("<html", page.lower())
        self.assert_who_may_ask()
        self.assert_control_of_the_tunnel("alarmwire-edge")

    def assert_lives(self, *expected):
        """Each is ready, has the right rights, keeps telling the watchdog, and reads its file again."""
        for unit, capabilities in expected:
            daemon = self.machine.start(unit)
            bits = sum(1 << {"CAP_NET_ADMIN": 12}[name] for name in capabilities)
            facts = daemon.facts()
            self.assertNotIn("0", facts["Uid"].split() + facts["Gid"].split() + facts["Groups"].split())
            self.assertEqual(int(facts["CapEff"], 16), bits, unit)
            self.assertEqual(facts["NoNewPrivs"], "1")
            daemon.told("WATCHDOG=1", 20)
            os.kill(daemon.pid(), signal.SIGHUP)  # what the unit's reload does
            daemon.told("RELOADING=1", 20)
            daemon.told("READY=1", 20)

    def assert_who_may_ask(self):
        admin, stranger = self.members()
        code, said = self.machine.as_user(*admin, "alarmwire", "--json", "status")
        self.assertIn('"schema":"status', said, code)
        code, said = self.machine.as_user(*stranger, "alarmwire", "status")
        self.assertEqual(code, 4, said)
        self.assertIn("group alarmwire", said)

    def assert_control_of_the_tunnel(self, daemon):
        """The daemon beside it may ask it, people may not."""
        socket_path = self.machine.root / "run/alarmwire-tunnel/control.sock"
        self.assertEqual(self.machine.run("stat", "-c", "%U %G %a", "/run/alarmwire-tunnel/control.sock")[1]
                         .strip(), f"alarmwire-tunnel {daemon} 660", socket_path)
        said = self.machine.run("alarmwire", "--json", "status", ok=False)[1]
        self.assertTrue(json.loads(said)["tunnel"]["reachable"], said)

    def test_an_upgrade_keeps_alarms_and_settings(self):
        self.install("alarmwire-edge", "alarmwire")
        self.edit(EDGE, '#hostname = "edge.internal"', 'hostname = "box7.internal"')
        self.machine.start("alarmwire-tunnel")
        edge = self.machine.start("alarmwire-edge")
        reply = self.send("before the upgrade")
        self.assertIn("spooled at box", reply)
        self.assertEqual(edge.stop(), 0)

        def change(tree):  # the new version has another default configuration
            with (tree / EDGE).open("a") as file:
                file.write("# of the new version\n")

        debs, version = self.newer("alarmwire-edge", change)
        said = self.machine.dpkg("--force-confold", "-i", debs)[1]
        self.assertEqual(self.machine.version("alarmwire-edge"), ("installed", version), said)
        text = (self.machine.root / EDGE).read_text()
        self.assertIn('hostname = "box7.internal"', text)
        self.assertNotIn("of the new version", text)
        self.assertTrue((self.machine.root / (str(EDGE) + ".dpkg-dist")).exists())
        edge.remove()
        self.machine.start("alarmwire-edge")
        said = self.machine.run("alarmwire", "alarm", "list", "--waiting")[1]
        self.assertIn(re.search(r"id ([0-9a-f-]{36})", reply).group(1), said)
        self.assertIn("box7.internal", self.machine.net.inside(
            sys.executable, "-c", "import smtplib; print(smtplib.SMTP('127.0.0.1', 25).ehlo())"))

    def test_an_untouched_configuration_becomes_the_new_one(self):
        self.install("alarmwire-edge")

        def change(tree):
            with (tree / EDGE).open("a") as file:
                file.write("# of the new version\n")

        self.machine.dpkg("-i", self.newer("alarmwire-edge", change)[0])
        self.assertIn("of the new version", (self.machine.root / EDGE).read_text())

    # --- back, and away ---------------------------------------------------------------------------

    def test_a_downgrade_is_refused_with_a_clear_word(self):
        debs, version = self.newer("alarmwire-edge")
        self.machine.dpkg("-i", debs)
        old = field(package("alarmwire-edge"), "Version")
        self.assert_refused(old, version)
        self.assertEqual(self.machine.version("alarmwire-edge"), ("installed", version))
        self.machine.dpkg("--remove", "alarmwire-edge")
        self.assert_refused(old, version)
        self.machine.dpkg("--purge", "alarmwire-edge")
        self.assert_refused(old, version)  # its folder is still there
        self.machine.dpkg("-i", debs)
        self.assertEqual(self.machine.version("alarmwire-edge"), ("installed", version))

    def assert_refused(self, old, version):
        code, said = self.machine.dpkg("-i", package("alarmwire-edge"), ok=False)
        self.assertNotEqual(code, 0)
        for word in (f"alarmwire-edge {old} is older than {version}", "/var/lib/alarmwire/edge"):
            self.assertIn(word, said)

    def test_purge_asks_nothing_and_leaves_the_ledger(self):
        self.install("alarmwire-receiver")
        ledger = self.machine.root / "var/lib/alarmwire/receiver/ledger/ledger.db"
        ledger.parent.mkdir()
        ledger.write_text("alarms")
        said = self.machine.dpkg("--purge", "alarmwire-receiver")[1]
        self.assertIn("/var/lib/alarmwire/receiver stays", said)
        self.assertEqual(ledger.read_text(), "alarms")
        self.assertEqual(self.machine.version("alarmwire-receiver"), ("absent", ""))
        for gone in (RECEIVER, "usr/bin/alarmwire-receiver", "usr/bin/alarmwire-tunnel",
                     "etc/systemd/system/multi-user.target.wants/alarmwire-receiver.service",
                     "etc/systemd/system/alarmwire-receiver.service"):
            self.assertFalse(os.path.lexists(self.machine.root / gone), gone)
        self.install("alarmwire-receiver")
        self.assertEqual(ledger.read_text(), "alarms")

    def test_a_machine_is_box_or_centre(self):
        self.install("alarmwire-edge")
        said = self.install("alarmwire-receiver", ok=False)
        self.assertIn("conflicting packages", said)
        self.assertEqual(self.machine.version("alarmwire-edge")[0], "installed")

    # --- a centre ---------------------------------------------------------------------------------

    def test_a_centre_says_what_is_missing_and_runs_with_it(self):
        said = self.install("alarmwire-receiver", "alarmwire")
        self.assertIn("alarmwire-receiver does not run yet", said)
        self.assertIn("prefix", said)
        self.assertIn("`alarmwire setup`", (self.machine.root / RECEIVER).read_text())
        (self.machine.root / "root/answers.toml").write_text(
            '[centre]\nendpoints = ["alarm.example.org"]\n')
        # Interfaces of other namespaces may have the usual name.
        self.edit(RECEIVER, '#interface = "wgcentre"', 'interface = "wgpackage"')
        self.machine.run("alarmwire", "setup", "--no-input", "--config", "/root/answers.toml")
        self.assertEqual(self.owner("var/lib/alarmwire-tunnel/private.key"), "alarmwire-tunnel 600")
        for program in ("alarmwire-tunnel", "alarmwire-receiver"):
            self.machine.run(program, "--config", f"/{RECEIVER}", "--check-config")
        self.assert_lives(("alarmwire-tunnel", ["CAP_NET_ADMIN"]), ("alarmwire-receiver", []))
        self.assert_who_may_ask()
        self.assert_control_of_the_tunnel("alarmwire-receiver")
        for daemon in reversed(self.machine.daemons):
            self.assertEqual(daemon.stop(), 0, daemon.unit)
        self.assertTrue((self.machine.root / "var/lib/alarmwire/receiver/ledger/ledger.db").exists())


def main():
    if os.geteuid() != 0:
        print("SKIPPED: needs root (namespaces, chroot)")
        sys.exit(77)
    Installed.tar = base(CACHE, [package(name) for name in NAMES])
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
