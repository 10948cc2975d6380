"""An operator's desk with several hosts of the fleet."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.hosts.fleet import FleetHost
from tests.journey.workbench import SITE, deployer

APPLY = ("apply", "--yes", "--passphrase-file", "passphrase")


class FleetDesk:
    """A project whose inventory has hosts `web1`, `web2` and so on, each with one site."""

    def __init__(self, directory: Path, founded: Path, hosts: Sequence[FleetHost]) -> None:
        self.directory = directory
        self.hosts = {f"web{number}": host for number, host in enumerate(hosts, start=1)}
        self.site: dict[str, Any] = {
            "server_name": SITE,
            "document_root": "/var/www/html",
            "client_auth": {"verify": "require"},
        }
        shutil.copytree(founded, directory)
        (directory / "deployer.toml").write_text(
            f'inventory = ["hosts.yml"]\nknown_hosts = ["{hosts[0].known_hosts}"]\n'
        )
        self.write()

    def write(self, **site: Any) -> None:
        """Write the inventory, with some keys of every site changed."""
        self.site.update(site)
        hosts = {
            name: {
                "ansible_host": host.address,
                "ansible_user": host.user,
                "ansible_ssh_private_key_file": str(host.private_key_file),
                "apache_vhosts": [self.site],
            }
            for name, host in self.hosts.items()
        }
        inventory = {"web": {"hosts": hosts}}
        (self.directory / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))

    def apply(self, *options: str, status: int = 0) -> list[dict[str, Any]]:
        """Apply, and return every event of the run."""
        return self.events(*APPLY, *options, status=status)

    def events(self, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
        said = deployer(self.directory, *arguments, "--json", status=status).stdout
        return [json.loads(line) for line in said.splitlines()]


def outcomes(events: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What became of each host."""
    return {event["host"]: event["outcome"] for event in events if event["event"] == "host"}


def steps(events: Sequence[dict[str, Any]], *names: str) -> list[tuple[str, str, bool]]:
    """The steps with these names in the order in which they were told: host, step, ended."""
    return [
        (event["host"], event["step"], event["ended"])
        for event in events
        if event["event"] == "step" and event["step"] in names
    ]
