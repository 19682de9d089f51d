"""Habits of the house that a compiler does not see."""

import re

from plan import MAY_LEAN_ON, folder_of, sources

FILE_LINES_MAX = 500
LINE_COLUMNS_MAX = 100
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
CAPTURING_LAMBDA = re.compile(r"\[\s*[&=\w][^\]\[]*\]\s*(?:\([^)]*\))?\s*(?:mutable|noexcept|->|\{)")


def await_expressions(code):
    """The text of each co_await expression: up to the ';' or the bracket that ends it."""
    for mark in re.finditer(r"\bco_await\b", code):
        depth, end = 0, mark.end()
        while end < len(code):
            c = code[end]
            if c in "([{":
                depth += 1
            elif c in ")]}":
                depth -= 1
            if depth < 0 or (depth == 0 and c == ";"):
                break
            end += 1
        yield mark.start(), code[mark.end() : end]


def lambdas_in_co_await(root):
    """g++ 12 destroys a capturing lambda written inside a co_await expression twice."""
    for path in sources(root):
        code = STRING.sub('""', COMMENT.sub(lambda m: "\n" * m.group().count("\n"),
                                            path.read_text(errors="replace")))
        for start, expression in await_expressions(code):
            if CAPTURING_LAMBDA.search(expression):
                line = code.count("\n", 0, start) + 1
                yield f"{path.relative_to(root)}:{line}: name the lambda before the co_await"


def shadowed_grpc_headers(root, system_folders):
    """No file of ours may share its path with one of gRPC's own."""
    for path in sorted((root / "grpc").rglob("*")):
        name = path.relative_to(root)
        if path.is_file() and any((folder / name).exists() for folder in system_folders):
            yield f"{name}: shadows <{name}>"
    for path in sorted(root.rglob("CMakeLists.txt")):
        if re.search(r"add_(library|executable)\(\s*grpc\s", path.read_text()):
            yield f"{path.relative_to(root)}: a target called grpc"


def sizes(root):
    for path in sources(root, (".cpp", ".hpp", ".py", ".proto")):
        lines = path.read_text(errors="replace").splitlines()
        if len(lines) > FILE_LINES_MAX:
            yield f"{path.relative_to(root)}: {len(lines)} lines, at most {FILE_LINES_MAX}"
        if path.suffix in (".cpp", ".hpp"):
            for number, line in enumerate(lines, 1):
                if len(line) > LINE_COLUMNS_MAX:
                    yield f"{path.relative_to(root)}:{number}: over {LINE_COLUMNS_MAX} columns"


def unfinished_words(root):
    for path in sources(root):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield f"{path.relative_to(root)}:{number}: unfinished"


def own_headers(root):
    for path in sources(root, (".h", ".hh", ".hxx", ".hpp")):
        if path.suffix != ".hpp":
            yield f"{path.relative_to(root)}: own headers end in .hpp"
        elif "#pragma once" not in path.read_text():
            yield f"{path.relative_to(root)}: no #pragma once"


def readmes(root):
    for room in MAY_LEAN_ON:
        pages = [root / room / "README.md"]
        if room.startswith(("grpc/", "tunnel/")):  # parts of one room, on one page
            pages.append(root / room / ".." / "README.md")
        if (root / room).is_dir() and not any(page.is_file() for page in pages):
            yield f"{room}: has no README.md"


def listed_sources(root):
    """Every .cpp is named in a CMakeLists.txt at or above it, and every name there is a file."""
    listed = set()
    for path in sorted(root.rglob("CMakeLists.txt")):
        if "build" in path.relative_to(root).parts:
            continue
        text = re.sub(r"#[^\n]*", "", path.read_text())
        for name in re.findall(r"(?<![\w/}])[\w./-]+\.cpp\b", text):
            file = (path.parent / name).resolve()
            listed.add(file)
            if not file.is_file():
                yield f"{path.relative_to(root)}: {name} is not there"
    for path in sources(root, (".cpp",)):
        if path.resolve() not in listed:
            yield f"{path.relative_to(root)}: is in no CMakeLists.txt"


def stray_folders(root):
    for path in sources(root):
        folder = folder_of(root, path)
        if not any(folder == room or folder.startswith(room + "/") for room in MAY_LEAN_ON):
            if not folder.startswith("tests"):
                yield f"{path.relative_to(root)}: is in no room of the ground plan"
