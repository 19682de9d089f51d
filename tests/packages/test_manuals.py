#!/usr/bin/python3
"""Man pages and completion say what `--help` says: commands and options cannot part ways.

ALARMWIRE_BIN: the folder with the programs
"""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

BIN = pathlib.Path(os.environ["ALARMWIRE_BIN"]).resolve()
PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
DAEMONS = ("alarmwire-edge", "alarmwire-receiver", "alarmwire-tunnel")
OPTION = re.compile(r"^\s+(?:-\w,)?(--[a-z][a-z-]*)", re.MULTILINE)
COMMAND = re.compile(r"^  ([a-z][a-z-]*)  ", re.MULTILINE)


def help_of(path):
    return subprocess.run([str(BIN / path[0]), *path[1:], "--help"], check=True, capture_output=True,
                          text=True).stdout


def options_in(text):
    return set(OPTION.findall(text))


def commands_in(text):
    return COMMAND.findall(text.partition("\nSubcommands:\n")[2])


def tree(path=("alarmwire",)):
    """Every command, down to those that do something: path → its help."""
    text = help_of(path)
    found = {path: text}
    for word in commands_in(text):
        found.update(tree((*path, word)))
    return found


def sections(page):
    """What a page says of the options of each command: heading → options."""
    found, heading = {}, ""
    for line in page.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line.startswith("*-"):  # a definition
            found.setdefault(heading, set()).update(re.findall(r"\*(--[a-z][a-z-]*)\*", line))
        else:
            found.setdefault(heading, set())
    return found


def page_of(name):
    path, = PACKAGING.glob(f"man/{name}.*.scd")
    return path.read_text()


def completed(shell, words):
    """What the shell offers for the last word."""
    if shell == "bash":
        script = (f"source {PACKAGING}/completion/alarmwire.bash; COMP_WORDS=(\"$@\"); "
                  "COMP_CWORD=$(($# - 1)); _alarmwire; printf '%s\\n' \"${COMPREPLY[@]}\"")
        argv = ["bash", "-c", script, "bash", *words]
    else:  # zsh's own functions are stood in for: they need a terminal
        script = ("compdef() { }\ncompadd() { shift; print -l -- \"$@\" }\n_files() { print -l -- *(N) }\n"
                  f"words=(\"$@\")\nCURRENT=$#\nsource {PACKAGING}/completion/_alarmwire\n_alarmwire\n")
        argv = ["zsh", "-f", "-c", script, "zsh", *words]
    said = subprocess.run(argv, capture_output=True, text=True, cwd=PACKAGING,
                          env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"})
    if said.stderr:
        raise AssertionError(said.stderr)
    return [word for word in said.stdout.splitlines() if word.startswith(words[-1])]


class Manuals(unittest.TestCase):
    def test_every_command_is_described_with_its_options(self):
        everywhere = {"--help", "--json", "--socket", "--version"}
        described = {}
        for path in PACKAGING.glob("man/*.1.scd"):
            for heading, options in sections(path.read_text()).items():
                if heading.startswith("alarmwire "):
                    self.assertNotIn(heading, described, "in two pages")
                    described[heading] = options
        commands = {path: text for path, text in tree().items() if not commands_in(text)}
        self.assertEqual(set(described), {" ".join(path) for path in commands})
        for path, text in commands.items():
            self.assertEqual(described[" ".join(path)], options_in(text) - everywhere, path)

    def test_the_first_page_has_what_stands_before_every_command(self):
        self.assertEqual(sections(page_of("alarmwire"))["OPTIONS"], options_in(help_of(["alarmwire"])))

    def test_the_first_page_leads_to_all_groups(self):
        page = page_of("alarmwire")
        for path in PACKAGING.glob("man/alarmwire-*.1.scd"):
            self.assertIn(f"{path.name.partition('.')[0]}(1)", page)

    def test_daemons_are_described_with_their_options(self):
        for daemon in DAEMONS:
            text = help_of([daemon])
            self.assertEqual(sections(page_of(daemon))["OPTIONS"], options_in(text), daemon)
            default = re.search(r"default: (/\S+)\)", text).group(1)
            self.assertIn(f"without it _{default}_", page_of(daemon))


class Completion(unittest.TestCase):
    shells = ("bash", "zsh")

    def test_every_shell_is_here(self):
        for shell in self.shells:
            self.assertTrue(shutil.which(shell), shell)

    def test_commands_and_options_are_those_of_the_help(self):
        for shell in self.shells:
            for path, text in tree().items():
                if commands_in(text):
                    self.assertEqual(set(completed(shell, [*path, ""])), set(commands_in(text)), path)
                self.assertEqual(set(completed(shell, [*path, "--"])),
                                 options_in(text) | {"--json", "--socket"}, path)

    def test_what_is_begun_is_finished(self):
        for shell in self.shells:
            for words, expected in (
                    (["st"], ["status"]),
                    (["--json", "--socket", "/run/x.sock", "al"], ["alarm"]),
                    (["alarm", "list", "--wa"], ["--waiting"]),
                    (["ticket", "create", "--site", "box", "--label-pl"], ["--label-place"]),
                    (["ticket", "create", "--approve", ""], ["auto", "manual"]),
                    (["test-mail", "--security", "st"], ["starttls"]),
                    (["config", "check", "READ"], ["README.md"]),
                    (["enrol", "--qr", "READ"], ["README.md"])):
                self.assertEqual(completed(shell, ["alarmwire", *words]), expected, (shell, words))


if __name__ == "__main__":
    unittest.main(verbosity=2)
