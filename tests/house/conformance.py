"""docs/smtp.md's table of clauses: each names tests, and each test it names is there."""

import fnmatch
import re

TEST = re.compile(r"\bTEST(_F|_P)?\(\s*(\w+),\s*(\w+)\)")
MADE = re.compile(r"INSTANTIATE_TEST_SUITE_P\(\s*(\w+),\s*(\w+),")
RFC = re.compile(r"RFC (\d+)")


def tests_of(folder):
    """Names as --gtest_filter knows them, without the number of a parameter."""
    plain, patterns, made = set(), set(), set()
    for path in sorted(folder.glob("*.cpp")):
        text = path.read_text()
        for kind, suite, name in TEST.findall(text):
            (patterns if kind == "_P" else plain).add((suite, name))
        made.update(MADE.findall(text))
    return {f"{suite}.{name}" for suite, name in plain} | {
        f"{prefix}/{suite}.{name}" for prefix, suite in made
        for other, name in patterns if other == suite}


def breaches(root):
    text = (root / "docs/smtp.md").read_text()
    head, _, section = text.partition("## Conformance")
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    known = tests_of(root / "edge/smtp/tests")
    for row in rows:
        clause, _, named = [cell.strip() for cell in row.strip("|").split("|", 2)]
        names = [name for name in re.findall(r"`([^`]+)`", named) if not name.endswith("()")]
        if not names:
            yield f"docs/smtp.md: {clause}: names no test"
        for name in names:
            if name.endswith(".py"):
                found = (root / "tests/e2e" / name).is_file()
            else:
                found = fnmatch.filter(known, name.replace("…", "*"))
            if not found:
                yield f"docs/smtp.md: {clause}: there is no test {name}"
    proven = {number for row in rows for number in RFC.findall(row.strip("|").split("|")[0])}
    announced = head.partition("| announced |")[2].partition("\n\n")[0]
    for number in sorted(set(RFC.findall(announced)) - proven - {"5321"}):
        yield f"docs/smtp.md: RFC {number} is announced, and no test is named for it"
