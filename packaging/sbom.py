"""What is inside a package, as CycloneDX 1.6 on stdout: from the programs' own lists of libraries, and
from ninja's list of what they were compiled from; `dpkg -S` says whose file each is.

usage: sbom.py BUILD_FOLDER PACKAGE VERSION [PROGRAM, from the build folder]...
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import uuid

DISTRIBUTION = "debian-12"


def output(*argv, ok=(0,)):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode not in ok:
        sys.exit(f"{' '.join(argv[:4])} …: {done.stderr[-500:]}")
    return done.stdout


def needed(file):
    """The libraries that a program or library asks the loader for, by name."""
    return re.findall(r"^\s+NEEDED\s+(\S+)", output("objdump", "-p", file), re.MULTILINE)


def libraries_of_the_machine(architecture):
    mark = {"amd64": "x86-64", "arm64": "AArch64"}[architecture]
    found = {}
    for name, kind, path in re.findall(r"^\s+(\S+) \(([^)]*)\) => (\S+)$",
                                       output("/sbin/ldconfig", "-p"), re.MULTILINE):
        if mark in kind:
            found.setdefault(name, path)
    return found


def owners(files):
    """File → package, for those that a package owns. dpkg knows some below /lib, some below /usr/lib."""
    asked = {}
    for file in files:
        for real in (str(file), os.path.realpath(file)):
            plain = real.removeprefix("/usr")
            for path in (plain, "/usr" + plain):
                asked.setdefault(path, file)
    found = {}
    said = output("dpkg", "-S", *asked, ok=(0, 1)) if asked else ""
    for line in said.splitlines():
        package, _, path = line.partition(": ")
        if path in asked and not package.startswith("diversion"):
            found[asked[path]] = package.split(",")[0]
    return found


def facts_of(packages):
    """Package → (name, version, source, architecture)."""
    if not packages:
        return {}
    text = output("dpkg-query", "-W", "-f",
                  "${binary:Package}|${Package}|${Version}|${source:Package}|${Architecture}\n",
                  *sorted(packages))
    return {line.split("|")[0]: tuple(line.split("|")[1:]) for line in text.splitlines()}


class Inventory:
    def __init__(self, build, programs, architecture):
        self.machine = libraries_of_the_machine(architecture)
        self.direct = {name for program in programs for name in needed(build / program)}
        self.edges = {}  # library → libraries, by name
        self._follow(self.direct)
        self.owner = owners([self.machine[name] for name in self.edges])
        self.compiled_in = owners(self._sources(build, programs))

    def _follow(self, names):
        for name in names:
            if name in self.edges:
                continue
            if name not in self.machine:
                sys.exit(f"{name}: not on this machine")
            self.edges[name] = needed(self.machine[name])
            self._follow(self.edges[name])

    def _sources(self, build, programs):
        """Headers, static libraries and sources of others that went into the programs."""
        inputs = output("ninja", "-C", str(build), "-t", "inputs", *programs).split() if programs else []
        objects = [file for file in inputs if file.endswith(".o")]
        deps = output("ninja", "-C", str(build), "-t", "deps", *objects) if objects else ""
        files = set(inputs) | {line.strip() for line in deps.splitlines() if line.startswith("    ")}
        return sorted(file for file in files if file.startswith("/usr/") and os.path.isfile(file)
                      and not file.startswith("/usr/bin/") and ".so" not in pathlib.Path(file).name)

    def package_of(self, library):
        path = self.machine[library]
        if path not in self.owner:
            sys.exit(f"{path}: belongs to no package")
        return self.owner[path]


def purl(name, version, architecture, vendor="debian"):
    where = f"&distro={DISTRIBUTION}" if vendor == "debian" else ""
    return f"pkg:deb/{vendor}/{name}@{version.replace(':', '%3A').replace('+', '%2B')}" \
           f"?arch={architecture}{where}"


def component(facts, how):
    name, version, source, architecture = facts
    reference = purl(name, version, architecture)
    return {"type": "library", "bom-ref": reference, "name": name, "version": version,
            "supplier": {"name": "Debian"}, "purl": reference, "scope": "required",
            "properties": [{"name": "alarmwire:how", "value": how},
                           {"name": "alarmwire:debian-source", "value": source}]}


def bill(build, package, version, programs):
    architecture = output("dpkg", "--print-architecture").strip()
    inventory = Inventory(build, programs, architecture)
    facts = facts_of(set(inventory.owner.values()) | set(inventory.compiled_in.values()))
    direct = {inventory.package_of(name) for name in inventory.direct}
    components, references = {}, {}
    for each in sorted(set(inventory.owner.values())):
        components[each] = component(facts[each], "linked" if each in direct else "pulled in")
        references[each] = components[each]["bom-ref"]
    sources = {facts[each][2] for each in components}
    # A -dev package whose library is linked is the same component once more.
    for each in sorted(set(inventory.compiled_in.values())):
        if facts[each][2] not in sources:
            components[each] = component(facts[each], "compiled in")
            references[each] = components[each]["bom-ref"]
            direct.add(each)
    own = purl(package, version, architecture if programs else "all", "alarmwire")
    edges = {own: sorted(references[each] for each in direct)}
    for library, wants in inventory.edges.items():
        above = references[inventory.package_of(library)]
        below = {references[inventory.package_of(name)] for name in wants} - {above}
        edges[above] = sorted(set(edges.get(above, [])) | below)
    for reference in references.values():
        edges.setdefault(reference, [])
    listed = list(components.values())
    made = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # The same content has the same number.
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, own + json.dumps(listed)).urn,
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", made),
            "tools": {"components": [{"type": "application", "name": "packaging/sbom.py",
                                      "version": version}]},
            "component": {"type": "application", "bom-ref": own, "name": package,
                          "version": version, "purl": own, "supplier": {"name": "Alarmwire"}},
        },
        "components": listed,
        "dependencies": [{"ref": reference, "dependsOn": below}
                         for reference, below in sorted(edges.items())],
    }


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    json.dump(bill(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]), sys.stdout,
              indent=1)
    print()
