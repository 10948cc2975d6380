"""Hosts of an inventory that are reached otherwise than they are."""

from pathlib import Path
from typing import Any

import yaml

from tests.faults.line import Line
from tests.hosts.fleet import FleetHost


def change(project: Path, name: str, **variables: Any) -> None:
    """Change variables of one host."""
    path = project / "hosts.yml"
    inventory = yaml.safe_load(path.read_text())
    (group,) = inventory.values()
    group["hosts"][name].update(variables)
    path.write_text(yaml.safe_dump(inventory, sort_keys=False))


def through(line: Line, host: FleetHost) -> dict[str, Any]:
    """Say how a host is reached through a line, known by the key that it has."""
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": line.port,
        "ansible_ssh_common_args": f"-o HostKeyAlias={host.address}",
    }


def firewall(*rules: str) -> bytes:
    """Write rules for what comes to a host, for `nft -f -`."""
    return (
        "table inet fault {\nchain input {\ntype filter hook input priority 0\n"
        + "".join(f"{rule}\n" for rule in rules)
        + "}\n}\n"
    ).encode()
