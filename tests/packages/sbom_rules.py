"""What CycloneDX 1.6 asks of a bill, of the fields that ours has."""

import json
import re

UUID = re.compile(r"^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
PURL = re.compile(r"^pkg:deb/[a-z]+/[a-z0-9][a-z0-9.+-]*@[^?]+\?arch=[a-z0-9]+(&distro=[a-z0-9-]+)?$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


def must(is_so, what):
    if not is_so:
        raise AssertionError(what)


def check_component(each):
    must(each.get("type") in ("application", "library"), f"type of {each}")
    for key in ("name", "version", "bom-ref"):
        must(isinstance(each.get(key), str) and each[key], f"{key} of {each}")
    must(PURL.match(each.get("purl", "")), f"purl of {each}")
    must(each["supplier"]["name"], f"supplier of {each}")


def check(text):
    """The bill; AssertionError says what is wrong with it."""
    bill = json.loads(text)
    must(bill.get("bomFormat") == "CycloneDX", "bomFormat")
    must(tuple(map(int, bill["specVersion"].split("."))) >= (1, 6), "specVersion")
    must(UUID.match(bill.get("serialNumber", "")), "serialNumber")
    must(isinstance(bill.get("version"), int) and bill["version"] >= 1, "version")
    must(TIME.match(bill["metadata"]["timestamp"]), "timestamp")
    must(bill["metadata"]["tools"]["components"][0]["name"], "tools")
    own = bill["metadata"]["component"]
    check_component(own)
    references = [own["bom-ref"]]
    for each in bill["components"]:
        check_component(each)
        references.append(each["bom-ref"])
    must(len(references) == len(set(references)), "a bom-ref stands twice")
    said = [each["ref"] for each in bill["dependencies"]]
    must(sorted(said) == sorted(references), "dependencies: each component once")
    for each in bill["dependencies"]:
        must(set(each["dependsOn"]) <= set(references), f"unknown dependency of {each['ref']}")
    must(not bill["components"] or bill["dependencies"][0], "dependencies")
    return bill
