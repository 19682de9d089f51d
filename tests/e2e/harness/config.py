"""The configuration files of a run, written as an administrator would."""

import json

from harness.process import UID_EDGE, UID_RECEIVER


def toml(sections):
    """Sections ("[name]" or "[[name]]", {key: value}) as TOML text; JSON's strings, numbers,
    booleans and arrays are TOML's too."""
    lines = []
    for head, values in sections:
        lines.append(head)
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines)


def edge(box, centre_public_key, centre_endpoints, prefix):
    sections = [
        ("[edge]", {
            "state_directory": str(box.folder / "edge"),
            "control_socket": str(box.edge_socket),
            "user": str(UID_EDGE), **box.edge_options,
        }),
        ("[tunnel]", {
            **({"role": "box"} if box.by_ticket else {
                "private_key_file": str(box.folder / "tunnel/private.key"), "prefix": prefix}),
            "interface": "wgbox",
            "backend": "auto",
            "state_directory": str(box.folder / "tunnel"),
            "control_socket": str(box.tunnel_socket),
            "link_port": 7411,
        }),
        *([] if box.by_ticket else [("[tunnel.centre]", {
            "public_key": centre_public_key, "endpoints": centre_endpoints})]),
        ("[smtp]", {"hostname": "edge.internal", "zones": ["internal"], **box.smtp_options}),
    ]
    for listener in box.listeners:
        sections.append(("[[smtp.listener]]", listener))
    sections.append(("[spool]", {
        "directory": str(box.folder / "spool"), "quota": "1GiB", "settled_ring": "7d",
        **box.spool_options,
    }))
    sections.append(("[[lane]]", {"recipient": "routine-*@*", "lane": "routine"}))
    for number in range(box.named_devices):
        sections.append(("[[device]]", {
            "name": f"cam{number}", "address": box.device_address(number)}))
    return toml(sections + box.more_sections)


def receiver(centre, boxes, prefix):
    sections = [
        ("[receiver]", {
            "state_directory": str(centre.folder / "receiver"),
            "control_socket": str(centre.receiver_socket),
            "user": str(UID_RECEIVER),
            "hostname": "receiver.internal",
            "language": "en", **centre.receiver_options,
        }),
        ("[tunnel]", {
            "private_key_file": str(centre.folder / "tunnel/private.key"),
            "prefix": prefix,
            "interface": "wgcentre",
            "backend": "auto",
            "state_directory": str(centre.folder / "tunnel"),
            "control_socket": str(centre.tunnel_socket),
            "link_port": 7411,
            "listen_port": 51820,
        }),
        ("[provisioning]", {"endpoints": centre.world.endpoints}),
        ("[ledger]", {"directory": str(centre.folder / "ledger"), "keep": "365d"}),
    ]
    for box in boxes:
        sections.append(("[[box]]", {
            "id": box.id, "name": f"Site {box.number}", "public_key": box.public_key,
            "domain": f"{box.id}.internal", "addresses": box.bound_addresses,
        }))
    sections.append(("[[outlet]]", {
        "name": "ebues", "kind": "smtp", "host": "127.0.0.1", "port": 2525, "tls": "none", "language": "en",
        "test_address": "test@ebues.internal", **centre.outlet_options,
    }))
    sections += [("[[outlet]]", outlet) for outlet in centre.more_outlets]
    return toml(sections + centre.more_sections)
