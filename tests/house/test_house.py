"""The rules of the house (design, section 4), read from the tree; and proof that each can fail.

usage: test_house.py ROOT ROOMS_FILE [unittest arguments]
"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import catalogue
import conformance
import defaults
import habits
import metrics
import plan

ROOT = Path(sys.argv[1]).resolve() if len(sys.argv) > 2 else None
ROOMS = plan.read_rooms(Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else {}


class House(unittest.TestCase):
    """The tree as it is."""

    def none(self, breaches):
        found = "\n".join(breaches)
        if found:
            self.fail("\n" + found)

    def test_includes_lean_as_planned(self):
        self.none(plan.include_breaches(ROOT))

    def test_the_link_graph_leans_as_planned(self):
        self.assertIn("common", ROOMS)
        self.none(plan.graph_breaches(ROOMS))

    def test_what_is_included_is_linked(self):
        self.none(plan.unlinked_includes(ROOT, ROOMS))

    def test_every_event_is_in_the_runbook_and_used(self):
        self.none(catalogue.breaches(ROOT))

    def test_every_fault_is_in_the_runbook(self):
        self.none(catalogue.fault_breaches(ROOT))

    def test_every_metric_is_in_its_page(self):
        self.none(metrics.breaches(ROOT))

    def test_no_capturing_lambda_in_a_co_await(self):
        self.none(habits.lambdas_in_co_await(ROOT))

    def test_nothing_shadows_grpc(self):
        self.none(habits.shadowed_grpc_headers(ROOT, [Path("/usr/include")]))

    def test_files_and_lines_are_short(self):
        self.none(habits.sizes(ROOT))

    def test_nothing_is_left_unfinished(self):
        self.none(habits.unfinished_words(ROOT))

    def test_headers_are_ours(self):
        self.none(habits.own_headers(ROOT))

    def test_every_room_has_a_readme(self):
        self.none(habits.readmes(ROOT))

    def test_every_clause_of_smtp_has_its_test(self):
        self.none(conformance.breaches(ROOT))

    def test_configuration_files_of_packages_explain_every_key(self):
        self.none(defaults.breaches(ROOT))

    def test_every_source_is_listed(self):
        self.none(habits.listed_sources(ROOT))

    def test_every_folder_is_a_room(self):
        self.none(habits.stray_folders(ROOT))


class TheTestsCanFail(unittest.TestCase):
    """Each rule on a small tree that breaks it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name).resolve()

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def breach(self, breaches, words):
        self.assertIn(words, "\n".join(breaches))

    def test_edge_that_leans_on_receiver(self):
        self.put("edge/smtp/a.cpp", '#include "receiver/ledger/ledger.hpp"\n')
        self.breach(plan.include_breaches(self.root), "edge/smtp must not lean on receiver/ledger")

    def test_somebody_who_leans_on_a_daemon(self):
        self.put("edge/status/a.cpp", '#include "edge/daemon/intake.hpp"\n')
        self.breach(plan.include_breaches(self.root), "must not lean on edge/daemon")

    def test_tunnel_that_leans_on_the_link(self):
        self.put("tunnel/a.hpp", '#include "grpc/link/frames.hpp"\n')
        self.breach(plan.include_breaches(self.root), "tunnel must not lean on grpc/link")

    def test_a_box_test_that_brings_in_the_centre(self):
        self.put("edge/uplink/tests/a.cpp", '#include "receiver/ledger/ledger.hpp"\n')
        self.breach(plan.include_breaches(self.root), "must not lean on receiver/ledger")
        self.put("edge/uplink/tests/a.cpp", '#include "grpc/server/link_server.hpp"\n')
        self.assertEqual(list(plan.include_breaches(self.root)), [])

    def test_code_that_leans_on_tests(self):
        self.put("edge/spool/a.cpp", '#include "tests/powercut/vfs.hpp"\n')
        self.breach(plan.include_breaches(self.root), "for tests only")

    def test_an_include_by_luck(self):
        self.put("edge/spool/a.cpp", '#include "store.hpp"\n')
        self.breach(plan.include_breaches(self.root), "from the root")

    def test_sqlite_outside_common(self):
        self.put("edge/spool/a.cpp", "#include <sqlite3.h>\n")
        self.breach(plan.include_breaches(self.root), "belongs to common")

    def test_a_core_that_does_io(self):
        self.put("grpc/link/a.cpp", "#include <boost/asio/post.hpp>\n")
        self.breach(plan.include_breaches(self.root), "does no I/O")

    def test_a_link_graph_that_leans_the_wrong_way(self):
        rooms = plan.read_rooms("common:common: edge/spool:spool:common,ledger "
                                "receiver/ledger:ledger:common")
        self.breach(plan.graph_breaches(rooms), "edge/spool must not lean on receiver/ledger")

    def test_a_circle(self):
        rooms = plan.read_rooms("common:common:tunnel tunnel:tunnel:common")
        self.breach(plan.graph_breaches(rooms), "in a circle")

    def test_an_include_that_is_not_linked(self):
        self.put("edge/uplink/a.cpp", '#include "edge/spool/spool.hpp"\n')
        rooms = plan.read_rooms("common:common: edge/spool:spool:common edge/uplink:uplink:common")
        self.breach(plan.unlinked_includes(self.root, rooms), "does not reach it")

    good_entry = "### A_B\nIt happened, and this is what it means.\nThis is what to do about it.\n"

    def event(self, text, page=good_entry, use="A_B"):
        self.put("common/messages.hpp", text)
        self.put("docs/runbook/common.md", page)
        self.put("common/a.cpp", f"log::write({use});\n")
        return catalogue.breaches(self.root)

    good_event = 'inline constexpr log::Event A_B{"A_B", log::Level::info, "it happened"};\n'

    def test_catalogue(self):
        self.assertEqual(list(self.event(self.good_event)), [])
        self.breach(self.event(self.good_event, page=""), "no entry")
        self.breach(self.event(self.good_event, page="### A_B\nmeans\n"), "too little")
        self.breach(self.event(""), "not there")
        self.breach(self.event(self.good_event, use="X"), "never logged")
        self.breach(self.event(self.good_event.replace('"A_B"', '"A_C"')), "calls itself")
        self.breach(self.event(self.good_event.replace("log::Level::info, ", "level(), ")),
                    "is not written as")

    def test_faults(self):
        self.put("common/fault_book.hpp", 'inline constexpr std::string_view a_b =\n    "a-b";\n')
        self.put("docs/runbook/faults.md", "### a-b\nState. Mend it.\n")
        self.assertEqual(list(catalogue.fault_breaches(self.root)), [])
        self.put("docs/runbook/faults.md", "### a-c\nState. Mend it.\n")
        self.breach(catalogue.fault_breaches(self.root), "a-b: no entry")
        self.breach(catalogue.fault_breaches(self.root), "a-c: an entry for a fault")

    def test_metrics(self):
        good = 'constexpr Metric a{"alarmwire_box_a_bytes", Metric::gauge, "A."};\n'
        page = "| `alarmwire_box_a_bytes` | gauge | bytes | - | A. |\n"
        self.put("receiver/daemon/centre_metrics.cpp", "")
        for code, text, words in (
                (good, page, None), (good, "", "is not in"), ("", page, "no such metric"),
                (good, page + "`alarmwire_box_b`\n", "no such metric"),
                (good, page.replace("gauge", "counter"), "differs"),
                (good, page.replace("| bytes", "| seconds"), "differs"),
                (good.replace("gauge", "counter"), page, "ends in _total"),
                (good + good, page, "declared twice")):
            self.put("edge/status/box_metrics.cpp", code)
            self.put("docs/metrics.md", text)
            if words:
                self.breach(metrics.breaches(self.root), words)
            else:
                self.assertEqual(list(metrics.breaches(self.root)), [])

    def test_a_clause_without_its_test(self):
        self.put("edge/smtp/tests/a.cpp", "TEST(Path, IsTaken) {}\nTEST_P(Said, IsHeard) {}\n"
                                          "INSTANTIATE_TEST_SUITE_P(\n    Plain, Said, x);\n")
        self.put("tests/e2e/test_a.py", "")
        page = ("| announced | |\n|---|---|\n| SIZE (RFC 1870) | |\n\n## Conformance\n"
                "| clause | what | test |\n|---|---|---|\n")
        good = page + "| RFC 1870 | x | `Path.IsT…`, `Plain/Said.*`, `test_a.py` |\n"
        self.put("docs/smtp.md", good)
        self.assertEqual(list(conformance.breaches(self.root)), [])
        for was, now, words in (("Path.IsT…", "Path.IsN…", "no test Path.IsN…"),
                                ("Plain/", "Odd/", "no test Odd/Said.*"),
                                ("test_a", "test_b", "no test test_b.py"),
                                ("| RFC 1870 |", "| 4.1 |", "RFC 1870 is announced")):
            self.put("docs/smtp.md", good.replace(was, now))
            self.breach(conformance.breaches(self.root), words)
        self.put("docs/smtp.md", good + "| 4.2 | codes | each |\n")
        self.breach(conformance.breaches(self.root), "4.2: names no test")

    def test_a_configuration_file_that_parts_from_its_page(self):
        self.put("docs/configuration.md",
                 "## Both\n| key | default | meaning |\n| `log.level` | `\"info\"` | |\n"
                 "## The box: edge.toml\n### `[smtp]`\n| `size`, `[[smtp.user]]` `name` | 1, 2 | |\n"
                 "## The centre: receiver.toml\n")
        both = '[log]\n#level = "info"\n'
        box = both + "[smtp]\n#size = 1\n[[smtp.user]]\n#name = 2\n"
        self.put("packaging/receiver/receiver.toml", both)
        self.put("packaging/edge/edge.toml", box)
        self.assertEqual(list(defaults.breaches(self.root)), [])
        for was, now, words in (("#size = 1", "", "smtp.size is missing"),
                                ("#size = 1", "#size = 1\n#more = 1", "smtp.more is not in"),
                                ("#name = 2", "#name = 3", "smtp.user.name shows 3"),
                                ("[smtp]", "[door]", "smtp.size is missing")):
            self.put("packaging/edge/edge.toml", box.replace(was, now))
            self.breach(defaults.breaches(self.root), words)

    def test_a_lambda_in_a_co_await(self):
        good = "co_await f(buffer(data_[0]), token);\nauto g = [this] {};\nco_await post(g);\n"
        self.put("common/a.cpp", good)
        self.assertEqual(list(habits.lambdas_in_co_await(self.root)), [])
        for bad in ("[this] { x(); }", "[&, y = z](int a) mutable { y(); }", "[=]() -> int { }"):
            self.put("common/a.cpp", f"void f() {{\n  co_await g(1,\n      {bad});\n}}\n")
            self.breach(habits.lambdas_in_co_await(self.root), "a.cpp:2: name the lambda")

    def test_a_file_that_shadows_grpc(self):
        self.put("grpc/support/log.h", "")
        self.put("system/grpc/support/log.h", "")
        self.breach(habits.shadowed_grpc_headers(self.root, [self.root / "system"]), "shadows")

    def test_habits(self):
        self.put("common/a.cpp", "x\n" * 501 + "y" * 101 + "\n// TODO\n")
        self.put("common/b.h", "#pragma once\n")
        self.put("common/CMakeLists.txt", "alarmwire_room(common SOURCES gone.cpp)\n")
        self.put("attic/c.cpp", "")
        self.put("edge/attic/c.cpp", "")
        self.breach(habits.sizes(self.root), "503 lines")
        self.breach(habits.sizes(self.root), "over 100 columns")
        self.breach(habits.unfinished_words(self.root), "a.cpp:503: unfinished")
        self.breach(habits.own_headers(self.root), "end in .hpp")
        self.breach(habits.readmes(self.root), "common: has no README.md")
        self.breach(habits.listed_sources(self.root), "gone.cpp is not there")
        self.breach(habits.listed_sources(self.root), "a.cpp: is in no CMakeLists.txt")
        self.breach(habits.stray_folders(self.root), "edge/attic/c.cpp: is in no room")


if __name__ == "__main__":
    if ROOT is None:
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:])
