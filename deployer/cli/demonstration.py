"""The main job on this computer, in front of the reader's eyes."""

import dataclasses
import json
import secrets
import shlex
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import typer

from deployer.report import console
from deployer.sandbox import Sandbox

SITE = "www.demo.test"


def demonstrate() -> None:
    """Run the main job in a sandbox with a real sshd and a real Apache."""
    with tempfile.TemporaryDirectory(prefix="deployer-demo-") as name:
        directory = Path(name)
        # Apache's workers are not root and must pass through; what matters below is private.
        directory.chmod(0o711)
        with Sandbox.start(directory / "host") as sandbox:
            console.note(
                f"a real sshd on port {sandbox.ssh_port} and a real Apache on ports "
                f"{sandbox.http_port} and {sandbox.https_port}, all below {directory}",
                style="dim",
            )
            project = directory / "project"
            _write_project(project, sandbox)
            _run_the_main_job(project)
            _knock_with_curl(project, sandbox.https_port)
            if sys.stdin.isatty():
                _wait(project)
    console.note("stopped and removed")


def _wait(project: Path) -> None:
    """Leave the sandbox running for as long as the reader likes."""
    program = shlex.quote(str(Path(sys.executable).with_name("deployer")))
    console.note(f"\nto try for yourself, elsewhere: cd {project} && {program} status")
    console.note("it runs until you press Enter", style="bold")
    with suppress(EOFError, KeyboardInterrupt):
        input()


def _write_project(directory: Path, sandbox: Sandbox) -> None:
    """Write what `deployer init` would, filled in for the sandbox."""
    (directory / "inventories").mkdir(parents=True, mode=0o700)
    host = {
        "ansible_host": sandbox.address,
        "ansible_port": sandbox.ssh_port,
        "ansible_user": sandbox.user,
        "ansible_ssh_private_key_file": str(sandbox.private_key_file),
        "mtls_layout": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(sandbox.layout).items()
        },
        "apache_vhosts": [
            {
                "server_name": SITE,
                "listen": sandbox.https_port,
                "document_root": str(sandbox.document_root),
                "client_auth": {"verify": "require"},
            }
        ],
    }
    inventory = {"webservers": {"hosts": {"web1": host}}}
    # JSON is YAML, and needs no other library than the one that Python brings.
    (directory / "inventories" / "hosts.yml").write_text(json.dumps(inventory, indent=2))
    (directory / "deployer.toml").write_text(
        f"inventory = ['inventories/hosts.yml']\nknown_hosts = ['{sandbox.known_hosts}']\n"
    )
    (directory / "passphrase").write_text(f"{secrets.token_urlsafe()}\n")
    (directory / "passphrase").chmod(0o600)


def _run_the_main_job(project: Path) -> None:
    with_key = "--passphrase-file passphrase"
    for command in (
        f"ca init --name Demo {with_key}",
        f"client issue alice --p12 {with_key}",
        "plan",
        f"apply --yes --verbose --identity alice {with_key}",
        "probe --identity alice",
        "status",
        "apply --yes",
    ):
        _show(f"deployer {command}")
        done = subprocess.run(
            [sys.executable, "-m", "deployer", *shlex.split(command)],
            cwd=project,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            raise typer.Exit(done.returncode)


def _knock_with_curl(project: Path, port: int) -> None:
    """Show that a certified client gets in and a stranger does not, and leave the lines."""
    from deployer.errors import DeployerError

    url = f"https://{SITE}:{port}/"
    base = (
        f"curl --silent --show-error --resolve {SITE}:{port}:127.0.0.1 --cacert alice/alice.ca.pem"
    )
    lines = {
        f"{base} --cert alice/alice.pem --key alice/alice.key {url}": True,
        f"{base} {url}": False,
    }
    for line, let_in in lines.items():
        _show(line)
        done = subprocess.run(shlex.split(line), cwd=project, check=False)
        if (done.returncode == 0) is not let_in:
            raise DeployerError("the demo did not go as it should: curl was answered otherwise")


def _show(line: str) -> None:
    console.note(f"\n$ {line}", style="bold cyan")
