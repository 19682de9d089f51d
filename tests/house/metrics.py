"""The metrics: each stands in docs/metrics.md with its type and unit, and nothing else does."""

import re

DECLARED = re.compile(r'constexpr Metric \w+\{\s*"(alarmwire_\w+)",\s*Metric::(gauge|counter)')
ROW = re.compile(r"^\| `(alarmwire_\w+)` \| (\w+) \| ([\w-]+) \|", re.MULTILINE)
NAMED = re.compile(r"alarmwire_(?:box|centre)_\w+")
UNITS = ("seconds", "bytes", "ratio")
WHERE = ("edge/status/box_metrics.cpp", "receiver/daemon/centre_metrics.cpp")


def unit_of(name):
    last = name.removesuffix("_total").rpartition("_")[2]
    return last if last in UNITS else "-"


def breaches(root):
    declared = {}
    for path in WHERE:
        for name, kind in DECLARED.findall((root / path).read_text()):
            if name in declared:
                yield f"{name}: is declared twice"
            declared[name] = kind
            if name.endswith("_total") != (kind == "counter"):
                yield f"{name}: a counter ends in _total, and nothing else does"
    page = (root / "docs/metrics.md").read_text()
    rows = {name: (kind, unit) for name, kind, unit in ROW.findall(page)}
    for name in sorted(declared.keys() - rows.keys()):
        yield f"{name}: is not in docs/metrics.md"
    for name in sorted((rows.keys() | set(NAMED.findall(page))) - declared.keys()):
        yield f"{name}: stands in docs/metrics.md, and there is no such metric"
    for name in sorted(declared.keys() & rows.keys()):
        if rows[name] != (declared[name], unit_of(name)):
            yield f"{name}: is a {declared[name]}, unit {unit_of(name)}; docs/metrics.md differs"
