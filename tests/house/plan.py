"""The ground plan: which room may lean on which (design, section 4). A room is a folder."""

import re

# Room → folders it may lean on, directly. A folder stands for all below it. Everybody may lean on
# himself. Who is not named here may not exist.
MAY_LEAN_ON = {
    "common": [],
    "grpc/proto": ["common"],
    "grpc/link": ["common", "grpc/proto"],
    "grpc/client": ["common", "grpc/proto", "grpc/link"],
    "grpc/server": ["common", "grpc/proto", "grpc/link"],
    "tunnel": ["common"],
    "tunnel/client": ["common", "tunnel"],
    "tunnel/daemon": ["common", "tunnel"],
    "provisioning": ["common", "tunnel"],
    "provisioning/qr": ["common"],
    "edge/smtp": ["common"],
    "edge/spool": ["common"],
    "edge/uplink": ["common", "edge/spool", "grpc/proto", "grpc/link", "grpc/client"],
    "edge/watch": ["common", "edge/smtp", "edge/spool", "edge/uplink"],
    "edge/status": ["common", "edge/smtp", "edge/spool", "edge/uplink", "edge/watch", "tunnel"],
    "edge/status/page": ["common", "edge/smtp", "provisioning"],
    "edge/daemon": ["common", "edge", "grpc/client", "grpc/proto", "provisioning", "tunnel"],
    "receiver/ledger": ["common"],
    "receiver/sites": ["common"],
    "receiver/ingest": ["common", "receiver/ledger", "receiver/sites", "grpc/proto", "grpc/link",
                        "grpc/server"],
    "receiver/outlets": ["common", "receiver/ledger", "receiver/sites"],
    "receiver/fleet": ["common", "receiver/ledger", "receiver/sites", "receiver/ingest",
                       "receiver/outlets", "tunnel"],
    "receiver/daemon": ["common", "receiver", "grpc/proto", "grpc/server", "provisioning", "tunnel"],
    "cli": ["common", "provisioning", "tunnel"],
}
# Libraries that only some folders may include.
LIBRARY_KEPT_IN = {
    "sqlite3.h": ["common", "tests"],
    "grpc": ["grpc/client", "grpc/server", "tests"],
    "grpcpp": ["grpc/client", "grpc/proto", "grpc/server", "tests"],
    "toml++": ["common"],
    "CLI": ["cli", "tests"],
    "ZXing": ["provisioning/qr"],
    "qrcodegen.hpp": ["provisioning/qr"],
    "png.h": ["provisioning/qr"],
    "cairo-pdf.h": ["provisioning/qr"],
    "jpeglib.h": ["provisioning/qr"],
}
# No clock, no I/O: these folders are cores through and through.
SANS_IO = ["grpc/link", "grpc/proto"]

TOP = ["common", "grpc", "tunnel", "provisioning", "edge", "receiver", "cli", "tests"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def sources(root, suffixes=(".cpp", ".hpp")):
    for top in TOP:
        for path in sorted((root / top).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def folder_of(root, path):
    return path.parent.relative_to(root).as_posix()


def is_in(folder, above):
    return folder == above or folder.startswith(above + "/")


def room_of(folder):
    """The room a folder belongs to: itself or the nearest one above."""
    while folder and folder not in MAY_LEAN_ON:
        folder = folder.rpartition("/")[0]
    return folder


def top(room):
    return room.partition("/")[0]


def are_strangers(room, other):
    return {top(room), top(other)} == {"edge", "receiver"}


def allowed(room, target_room):
    if room == target_room:
        return True
    if target_room.endswith("/daemon"):
        return False  # nothing leans on a daemon
    return any(is_in(target_room, above) for above in MAY_LEAN_ON[room])


def include_breaches(root):
    for path in sources(root):
        folder = folder_of(root, path)
        room = room_of(folder)
        name = path.relative_to(root)
        for kind, target in INCLUDE.findall(path.read_text(errors="replace")):
            if kind == "<":
                yield from library_breaches(name, folder, target)
                continue
            if target.endswith(".pb.h"):
                target = "grpc/proto/" + target.rpartition("/")[2]
            if "/" not in target:
                yield f'{name}: "{target}" is not written from the root of the tree'
                continue
            target_folder = target.rpartition("/")[0]
            target_room = room_of(target_folder)
            if is_in(target_folder, "tests"):
                if not (is_in(folder, "tests") or "tests" in folder.split("/")):
                    yield f"{name}: leans on {target}, which is for tests only"
            elif not target_room:
                yield f"{name}: {target} is in no room"
            elif "tests" in folder.split("/") and not are_strangers(room, target_room):
                pass  # a room's tests may bring in the other end
            elif room and not allowed(room, target_room):
                yield f"{name}: {room} must not lean on {target_room} ({target})"
            elif "tests" in target.split("/")[:-1] and "tests" not in folder.split("/"):
                yield f"{name}: leans on {target}, which is for tests only"


def library_breaches(name, folder, target):
    for library, kept_in in LIBRARY_KEPT_IN.items():
        is_it = target == library or target.startswith(library + "/")
        if is_it and not any(is_in(folder, above) for above in kept_in):
            yield f"{name}: <{target}> belongs to {', '.join(kept_in)}"
    if any(is_in(folder, core) for core in SANS_IO) and "tests" not in folder.split("/"):
        if target.startswith(("boost/asio", "sys/socket", "unistd")):
            yield f"{name}: <{target}> in a core that does no I/O"


def read_rooms(text):
    """Lines folder:name:lean,lean as CMake wrote them → {name: (folder, [leans])}."""
    rooms = {}
    for line in text.split():
        folder, name, leans = line.split(":")
        rooms[name] = (folder, [lean for lean in leans.split(",") if lean])
    return rooms


def graph_breaches(rooms):
    for name, (folder, leans) in rooms.items():
        room = room_of(folder)
        if is_in(folder, "tests") or "tests" in folder.split("/"):
            continue
        if not room:
            yield f"{folder}: is no room of the ground plan"
            continue
        for lean in leans:
            if lean not in rooms:
                yield f"{name}: leans on {lean}, which is no room"
            elif is_in(rooms[lean][0], "tests"):
                yield f"{name}: leans on {lean}, which is for tests only"
            elif not allowed(room, room_of(rooms[lean][0])):
                yield f"{name}: {room} must not lean on {room_of(rooms[lean][0])} (LEANS_ON)"
    yield from circles(rooms)


def closure(rooms, name):
    found, queue = set(), [name]
    while queue:
        for lean in rooms.get(queue.pop(), ("", []))[1]:
            if lean not in found:
                found.add(lean)
                queue.append(lean)
    return found


def circles(rooms):
    for name in rooms:
        if name in closure(rooms, name):
            yield f"{name}: leans on itself, in a circle"


def unlinked_includes(root, rooms):
    """An include of a room that the target does not link: it works by luck."""
    reached = {}
    for name, (folder, _) in rooms.items():
        folders = {rooms[lean][0] for lean in closure(rooms, name) if lean in rooms}
        reached.setdefault(folder, set()).update(folders | {folder})
    for path in sources(root):
        folder = folder_of(root, path)
        # A daemon's folder holds its program too, which links more than its rooms.
        if folder not in reached or folder.endswith("/daemon") or top(folder) == "tests":
            continue
        for kind, target in INCLUDE.findall(path.read_text(errors="replace")):
            target_folder = room_of(target.rpartition("/")[0]) if kind == '"' else ""
            if target_folder and target_folder not in reached[folder]:
                yield f"{path.relative_to(root)}: includes {target}, LEANS_ON does not reach it"
