"""What the pages of docs/ show, typed as it stands."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
import yaml

from deployer.workflows import around
from deployer.workflows.settings import read_settings
from tests.hosts.fleet import FleetHost
from tests.journey.workbench import deployer
from tests.typed import Session, sessions, type_in

DOCS = Path(__file__).parent.parent / "docs"
SHOWN_SERIAL = "5b1f0c9a7e42"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A shell that knows `deployer`, in a project that names one host."""
    site = {"server_name": "www.example.com", "document_root": "/srv/www"}
    host = {"ansible_host": "192.0.2.10", "ansible_user": "root", "apache_vhosts": [site]}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"web1": host}}}))
    (tmp_path / "deployer.toml").write_text('inventory = ["hosts.yml"]\n')
    (tmp_path / "new-passphrase").write_text("another one, as long as that\n")
    (tmp_path / "new-passphrase").chmod(0o600)
    command = tmp_path / "bin" / "deployer"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -W error -m deployer "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(DOCS.parent),
        "DEPLOYER_CA_PASSPHRASE": "correct horse battery staple",
        "NO_COLOR": "1",
    }


def test_the_page_of_the_ca_runs_as_shown(environment: dict[str, str], tmp_path: Path) -> None:
    typed = sessions(DOCS / "ca.md")
    listed = next(at for at, (command, _) in enumerate(typed) if "cert list" in command)

    type_in(typed[:listed], tmp_path, environment)
    (alice,) = (
        json.loads(line)
        for line in deployer(
            tmp_path, "cert", "list", "--name", "alice", "--json"
        ).stdout.splitlines()
        if '"certificate"' in line
    )
    rest = [
        (
            command.replace(SHOWN_SERIAL, alice["serial"][: len(SHOWN_SERIAL)]),
            [
                line.replace(f"{SHOWN_SERIAL}a04d7a5e6a0dc0f2e2d3a7f0c1b2", alice["serial"])
                for line in shown
            ],
        )
        for command, shown in typed[listed:]
    ]
    type_in(rest, tmp_path, environment)


def test_the_page_of_inventories_runs_as_shown(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("[web]\nweb1 x=1\n")

    type_in(sessions(DOCS / "inventory.md"), tmp_path, environment)


def test_the_page_of_connections_runs_as_shown(
    environment: dict[str, str], tmp_path: Path, fleet_host: FleetHost
) -> None:
    typed = sessions(DOCS / "connections.md")
    sudoers = next(at for at, (command, _) in enumerate(typed) if "sudoers" in command)
    account = fleet_host.sudo_user()
    variables = {
        "ansible_host": fleet_host.address,
        "ansible_user": account.user,
        "ansible_become": True,
        "ansible_ssh_private_key_file": str(fleet_host.private_key_file),
        "apache_vhosts": [{"server_name": "www.example.com", "document_root": "/var/www/html"}],
    }
    inventory = {"all": {"hosts": {"web1": variables}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "deployer.toml").write_text(
        'inventory = ["hosts.yml"]\nknown_hosts = ["known_hosts"]\n'
    )

    type_in([("deployer ca init --name Example", []), *typed[:sudoers]], tmp_path, environment)
    variables["ansible_user"] = "deploy"
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
    type_in(typed[sudoers:], tmp_path, environment)


def test_the_page_of_runs_runs_as_shown(
    environment: dict[str, str], tmp_path: Path, fleet_host: FleetHost
) -> None:
    variables = {
        "ansible_host": fleet_host.address,
        "ansible_user": fleet_host.user,
        "ansible_ssh_private_key_file": str(fleet_host.private_key_file),
        "apache_vhosts": [{"server_name": "www.example.com", "document_root": "/var/www/html"}],
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"web1": variables}}}))
    (tmp_path / "deployer.toml").write_text(
        f'inventory = ["hosts.yml"]\nknown_hosts = ["{fleet_host.known_hosts}"]\n'
    )
    founding: Session = [("deployer ca init --name Example", [])]

    type_in([*founding, *sessions(DOCS / "runs.md")], tmp_path, environment)


def test_the_settings_on_the_page_of_runs_can_be_written(tmp_path: Path) -> None:
    shown = re.findall(r"```toml\n(.*?)```", (DOCS / "runs.md").read_text(), re.DOTALL)
    (tmp_path / "deployer.toml").write_text("\n".join(shown))

    settings = read_settings(tmp_path / "deployer.toml")

    assert settings.hooks.before_host == ("./drain", "--wait")
    assert settings.hooks.before_run[:2] == ("sh", "-c")
    assert settings.notify.header_file == "webhook.header"


def test_the_page_of_runs_names_every_variable_of_a_hook() -> None:
    named = set(re.findall(r"^\| `DEPLOYER_(\w+)`", (DOCS / "runs.md").read_text(), re.MULTILINE))

    assert named == around.TOLD


SHOWN_AS_REFUSED = {
    "web: {host: {a: }}": "hosts.yml",
    "web: {hosts: [a]}": "hosts.yml",
    "all: {hosts: {h: {a: 1, a: 2}}}": "hosts.yml",
    "h u=a#b": "hosts.ini",
    "h[5:2]": "hosts.ini",
    "\n".join(f"[g{at}:children]\ng{at + 1}" for at in range(150)) + "\n[g150]\nh": "hosts.ini",
}


@pytest.mark.parametrize("text", SHOWN_AS_REFUSED, ids=range(len(SHOWN_AS_REFUSED)))
def test_what_ansible_would_lose_is_an_error_with_its_line(text: str, tmp_path: Path) -> None:
    name = SHOWN_AS_REFUSED[text]
    (tmp_path / name).write_text(text)

    said = deployer(tmp_path, "inventory", "list", "-i", name, "--state", "none", status=1).stderr

    assert f"deployer: {name}:" in said
