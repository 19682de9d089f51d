"""The configuration files of the packages name every key of docs/configuration.md with its default, and
no other."""

import re

FILES = {"The box: edge.toml": "packaging/edge/edge.toml",
         "The centre: receiver.toml": "packaging/receiver/receiver.toml"}
ROW = re.compile(r"^\| (`[^|]*) \|([^|]*)\|")
TABLE = re.compile(r"^#?\[\[?([a-z_.]+)\]\]?$")
SETTING = re.compile(r"^(#?)([a-z_]+) = (.+)$")
LITERAL = re.compile(r'"[^"]*"|\d+|true|false|\[\]')


def defaults_in(cell, count):
    """A row's defaults, where they are values and not words; None for each otherwise."""
    found = [part.strip().strip("`") for part in cell.split(", ")]
    if len(found) == count and all(LITERAL.fullmatch(each) for each in found):
        return found
    return [None] * count


def keys_in(cell):
    """`a`, `b` → a, b; `a`, `[[x.y]]` `b` → a, y.b: a list of tables with its keys."""
    below = ""
    for word in re.findall(r"`([^`]+)`", cell):
        if word.startswith("[["):
            below = word.strip("[]").rpartition(".")[2] + "."
        else:
            yield below + word


def files_of(part, row):
    if part != "Both":
        return {part} & FILES.keys()
    return [name for name in FILES if "centre only" not in row or "centre" in name]


def documented(page):
    """File → {table.key: default, None where it is said in words}."""
    found = {name: {} for name in FILES}
    part, table = "", ""
    for line in page.splitlines():
        if line.startswith("## "):
            part, table = line[3:].strip(), ""
        elif match := re.match(r"^(?:### )?`\[\[?([a-z_.]+)\]\]?`", line):
            table = match.group(1) + "."
        elif match := ROW.match(line):
            keys = list(keys_in(match.group(1)))
            for key, default in zip(keys, defaults_in(match.group(2), len(keys))):
                for file in files_of(part, line):
                    found[file][table + key] = default
    return found


def explained(text):
    """table.key → (value, does the package set it)."""
    found, table = {}, ""
    for line in text.splitlines():
        if match := TABLE.match(line):
            table = match.group(1) + "."
        elif match := SETTING.match(line):
            found[table + match.group(2)] = (match.group(3), not match.group(1))
    return found


def breaches(root):
    pages = documented((root / "docs/configuration.md").read_text())
    for name, path in FILES.items():
        file, page = explained((root / path).read_text()), pages[name]
        for key in sorted(page.keys() - file.keys()):
            yield f"{path}: {key} is missing, docs/configuration.md has it"
        for key in sorted(file.keys() - page.keys()):
            yield f"{path}: {key} is not in docs/configuration.md"
        for key in sorted(page.keys() & file.keys()):
            value, is_set = file[key]
            if page[key] is not None and not is_set and value != page[key]:
                yield f"{path}: {key} shows {value}, its default is {page[key]}"
