"""An operator's desk: a project for one test host, and the command line as people type it."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from deployer.layouts import DEBIAN
from tests import preloaded
from tests.hosts.host import LabHost

SITE = "api.example.com"
PASSPHRASE = "correct horse battery staple"


def deployer(
    directory: Path, *arguments: str, status: int = 0, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Type a command in a directory; warnings are errors, and a traceback never is an answer."""
    ended = preloaded.run(
        arguments,
        cwd=directory,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=stdin,
        timeout=90,
    )
    said = f"{' '.join(arguments)}\n{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == status, f"exit status {ended.returncode}, not {status}: {said}"
    assert "Traceback" not in ended.stderr, said
    return ended


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "deployer", *arguments]


def found_ca(directory: Path) -> None:
    """Found a CA and issue alice's certificate."""
    (directory / "passphrase").write_text(f"{PASSPHRASE}\n")
    (directory / "passphrase").chmod(0o600)
    (directory / "deployer.toml").write_text('inventory = ["hosts.yml"]\n')
    deployer(directory, "ca", "init", "--name", "Example", "--passphrase-file", "passphrase")
    deployer(directory, "client", "issue", "alice", "--passphrase-file", "passphrase")


class Workbench:
    """A project directory whose inventory has one host, `web1`."""

    def __init__(self, directory: Path, host: LabHost) -> None:
        self.directory = directory
        self.host = host
        self.vhosts: list[dict[str, Any]] = [self.site()]
        self.variables: dict[str, Any] = {}
        directory.mkdir(parents=True)
        (directory / "passphrase").write_text(f"{PASSPHRASE}\n")
        (directory / "passphrase").chmod(0o600)
        self.know_host()
        self.write_inventory()

    def know_host(self) -> None:
        """Write a `deployer.toml` that trusts the test host's key."""
        (self.directory / "deployer.toml").write_text(
            f'inventory = ["hosts.yml"]\nknown_hosts = ["{self.host.known_hosts}"]\n'
        )

    @property
    def port(self) -> int:
        return self.host.https_port

    def site(self, **changes: Any) -> dict[str, Any]:
        """A virtual host of the test host, with some of its keys changed."""
        site: dict[str, Any] = {
            "server_name": SITE,
            "listen": self.host.https_port,
            "document_root": self.host.document_root,
            "client_auth": {"verify": "require"},
        }
        return {**site, **changes}

    def write_inventory(self) -> None:
        host = self.host
        variables = {
            "ansible_host": host.address,
            "ansible_port": host.ssh_port,
            "ansible_user": host.user,
            "ansible_ssh_private_key_file": str(host.private_key_file),
            "mtls_layout": "debian"
            if host.layout == DEBIAN
            else {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in dataclasses.asdict(host.layout).items()
            },
            "apache_vhosts": self.vhosts,
            **self.variables,
        }
        inventory = {"webservers": {"hosts": {"web1": variables}}}
        (self.directory / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))

    def take_ca(self, other: Path) -> None:
        """Start from a copy of another desk's CA and identity: founding one takes a second."""
        for name in (".deployer", "alice"):
            shutil.copytree(other / name, self.directory / name)

    def apply(self, *options: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self.deployer(
            "apply", "--yes", "--passphrase-file", "passphrase", *options, status=status
        )

    def deployer(
        self, *arguments: str, status: int = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Type a command; a test fails unless it ends with the exit status it expects."""
        return deployer(self.directory, *arguments, status=status, stdin=stdin)

    def curl(self, *options: str, name: str = SITE) -> subprocess.CompletedProcess[str]:
        """Ask for the site as a user would: exit status 0 and the HTTP status, or a refusal."""
        return subprocess.run(
            [
                "curl", "--silent", "--show-error", "--max-time", "10",
                "--output", "/dev/null", "--write-out", "%{http_code}",
                "--cacert", "alice/alice.ca.pem",
                "--resolve", f"{name}:{self.port}:{self.host.address}",
                *options, f"https://{name}:{self.port}/",
            ],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip

    def events(self, kind: str, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
        """Type a command with --json, and return its events of one kind."""
        said = self.deployer(*arguments, "--json", status=status).stdout
        events = [json.loads(line) for line in said.splitlines()]
        assert events[0]["schema"] == 1
        return [event for event in events if event["event"] == kind]

    @property
    def alice(self) -> tuple[str, ...]:
        return ("--cert", "alice/alice.pem", "--key", "alice/alice.key")
