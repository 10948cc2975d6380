"""The session at the head of the README, typed as it stands against a real host."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from tests.hosts.fleet import FleetHost
from tests.typed import sessions, type_in

ROOT = Path(__file__).parent.parent
HOST, SITE = "web1.example.com", "www.example.com"


def test_the_readmes_session_runs_as_shown(fleet_host: FleetHost, tmp_path: Path) -> None:
    fleet_host.write("/var/www/html/index.html", "<h1>Hello, alice</h1>\n")
    environment = surroundings(fleet_host, tmp_path)
    type_in(sessions(ROOT / "README.md"), tmp_path, environment)


def surroundings(host: FleetHost, directory: Path) -> dict[str, str]:
    """An editor that fills in the host, a resolver that knows the site, and a passphrase."""
    bin_ = directory / "bin"
    bin_.mkdir()
    editor = bin_ / "editor"
    inventory = {
        "webservers": {
            "hosts": {
                HOST: {
                    "ansible_host": host.address,
                    "ansible_user": "root",
                    "ansible_become": False,
                    "ansible_ssh_private_key_file": str(host.private_key_file),
                }
            }
        }
    }
    (directory / "filled-in.yml").write_text(yaml.safe_dump(inventory))
    editor.write_text(
        f'#!/bin/sh\ncp {directory}/filled-in.yml "$1"\n'
        f"echo 'known_hosts = [\"{host.known_hosts}\"]' >known\n"
        "sed -i '/^known_hosts/d' deployer.toml && cat known >>deployer.toml\n"
    )
    editor.chmod(0o755)
    deployer = bin_ / "deployer"
    deployer.write_text(f'#!/bin/sh\nexec {sys.executable} -W error -m deployer "$@"\n')
    deployer.chmod(0o755)
    (directory / ".curlrc").write_text(
        f'resolve = "{SITE}:443:{host.address}"\nsilent\nshow-error\n'
    )
    return {
        **os.environ,
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "EDITOR": str(editor),
        "CURL_HOME": str(directory),
        "DEPLOYER_CA_PASSPHRASE": "correct horse battery staple",
        "NO_COLOR": "1",
    }


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_of_the_readme_exist(target: str) -> None:
    assert f"make {target}\n" in (ROOT / "README.md").read_text()
    assert f"\n{target}: " in (ROOT / "Makefile").read_text()
