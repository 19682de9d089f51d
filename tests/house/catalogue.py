"""The message catalogue: every log event has a name, a place in the code and a runbook entry."""

import re

from plan import sources

EVENT = re.compile(r'log::Event\s+(\w+)\s*\{\s*"([^"]*)"\s*,\s*(?:\w+::)*Level::\w+\s*,\s*"([^"]*)')
ENTRY = re.compile(r"^### +`?([A-Z][A-Z0-9_]*)`?\s*$", re.MULTILINE)
DECLARED = re.compile(r"log::Event\s+\w+\s*\{")
FAULT = re.compile(r'constexpr std::string_view \w+ =\s*"([a-z0-9-]+)";')
FAULT_ENTRY = re.compile(r"^### ([a-z0-9-]+)$", re.MULTILINE)
ENTRY_LETTERS_LEAST = 25  # what it means, what to do


def breaches(root):
    events = {}
    for path in sources(root):
        if path.name != "messages.hpp":
            continue
        text = path.read_text()
        found = EVENT.findall(text)
        if len(found) != len(DECLARED.findall(text)):
            yield f"{path.relative_to(root)}: an event is not written as NAME{{\"NAME\", Level::…, \"…\"}}"
        for constant, identity, words in found:
            if constant != identity:
                yield f"{path.relative_to(root)}: {constant} calls itself {identity}"
            if not words:
                yield f"{path.relative_to(root)}: {constant} says nothing"
            if identity in events:
                yield f"{identity}: is in two catalogues"
            events[identity] = path
    entries = {}
    for page in sorted((root / "docs" / "runbook").glob("*.md")):
        text = page.read_text()
        marks = list(ENTRY.finditer(text))
        for mark, following in zip(marks, marks[1:] + [None]):
            name = mark.group(1)
            if name in entries:
                yield f"{name}: has two runbook entries"
            body = text[mark.end() : following.start() if following else len(text)]
            body = body.partition("\n#")[0]
            if len(" ".join(body.split())) < ENTRY_LETTERS_LEAST:
                yield f"{name}: its runbook entry says too little"
            entries[name] = page
    for name in sorted(events.keys() - entries.keys()):
        yield f"{name}: no entry in docs/runbook/"
    for name in sorted(entries.keys() - events.keys()):
        yield f"{name}: a runbook entry for an event that is not there"
    yield from unused(root, events)


def fault_breaches(root):
    """Every fault's code, which people read in EBÜS, stands in docs/runbook/faults.md."""
    codes = set(FAULT.findall((root / "common/fault_book.hpp").read_text()))
    entries = set(FAULT_ENTRY.findall((root / "docs/runbook/faults.md").read_text()))
    for code in sorted(codes - entries):
        yield f"{code}: no entry in docs/runbook/faults.md"
    for code in sorted(entries - codes):
        yield f"{code}: an entry for a fault that is not there"


def unused(root, events):
    words = set()
    for path in sources(root):
        if path.name != "messages.hpp" and "tests" not in path.parts:
            words.update(re.findall(r"\b[A-Z][A-Z0-9_]+\b", path.read_text(errors="replace")))
    for name in sorted(events.keys() - words):
        yield f"{name}: is never logged"
