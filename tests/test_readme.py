"""The session at the head of the README, typed as it stands against a real host."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.hosts.fleet import FleetHost

ROOT = Path(__file__).parent.parent
HOST, SITE = "web1.example.com", "www.example.com"


def session() -> list[tuple[str, list[str]]]:
    """The commands of the first block, each with the output shown for it."""
    block = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    commands: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return commands


def test_the_readmes_session_runs_as_shown(fleet_host: FleetHost, tmp_path: Path) -> None:
    fleet_host.write("/var/www/html/index.html", "<h1>Hello, alice</h1>\n")
    environment = surroundings(fleet_host, tmp_path)
    directory = tmp_path
    for command, shown in session():
        ended = subprocess.run(
            # Like one shell: where a command leads, the next one begins.
            ["bash", "-c", f"{command}\ns=$?; pwd >{tmp_path}/pwd; exit $s"],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        refused = any(line.startswith("curl: (") for line in shown)
        assert (ended.returncode == 0) is not refused, f"{command}\n{ended.stdout}{ended.stderr}"
        said = (ended.stdout + ended.stderr).splitlines()
        # Times, digests and ports differ from run to run; the words do not.
        for line in shown:
            assert shape(line) in map(shape, said), f"{command}: {line!r} is not in {said}"
        directory = Path((tmp_path / "pwd").read_text().strip())


def shape(line: str) -> str:
    """What is left of a line without what changes from run to run, and the space between."""
    line = re.sub(r"(?<=[0-9A-F]{2}:)[0-9A-F:…]+$", "…", line)
    line = re.sub(r"([0-9A-F]{2}:)+…", "…", line)
    line = re.sub(r"\b[0-9a-f]{20}\b", "ID", line)
    line = re.sub(r"\d+\.\d\d s|\d{4}-\d\d-\d\d", "T", line)
    line = re.sub(r"SSL_read: .*(?=tlsv)", "", line)
    return re.sub(r"error:\w+:[^:]*:", "", " ".join(line.split()))


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
