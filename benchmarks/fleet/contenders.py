"""
Who does the job: we, and where they are installed tuned Ansible and pyinfra.

The job for each host: a P-256 key and a server certificate of a CA on the controller, the key with
mode 0600, a bundle of whom to let in, a virtual host that asks for certificates, mod_ssl enabled,
configtest, and a graceful reload if anything has changed. Ours rehearses and probes as well.
"""
# ruff: noqa: INP001 (a directory of a program)

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from benchmarks.fleet.lab import SITE, Lab
from benchmarks.fleet.timing import Measured, took

JOBS = ("first apply", "no-op apply", "rotate", "plan", "status")
FORKS = 50
PEERS = Path(__file__).with_name("peers")
_PASSPHRASE = "correct horse battery staple"  # noqa: S105 - it protects nothing
_WITHIN = 900
# What `deployer status` ends with when a certificate is young and all is well, or needs a look.
_STATUS = (0, 8)


class Contender(Protocol):
    """A program that can be asked to do jobs over all hosts of a laboratory."""

    name: str

    def settle(self, lab: Lab) -> None:
        """Make a fresh project for these hosts; nothing of it is measured."""

    def jobs(self) -> Mapping[str, tuple[list[str], Mapping[str, str]]]:
        """Return the jobs it can do, each as an argv and its environment."""

    def do(self, job: str) -> Measured:
        """Do one."""


class Deployer:
    """We."""

    name = "deployer"

    def __init__(self, *options: str) -> None:
        """`options`: of every command, such as `--transport`."""
        self._options = options
        self.directory = Path()

    def settle(self, lab: Lab) -> None:
        """Found a CA, and write an inventory."""
        self.directory = _fresh(lab, "deployer")
        hosts = {
            way.name: {"ansible_host": way.address, "ansible_port": way.port} for way in lab.ways
        }
        site = {
            "server_name": SITE,
            "document_root": "/var/www/html",
            "client_auth": {"verify": "require"},
        }
        common = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(lab.key),
            "apache_vhosts": [site],
        }
        # JSON is YAML.
        inventory = json.dumps({"web": {"hosts": hosts, "vars": common}})
        (self.directory / "hosts.yml").write_text(inventory)
        (self.directory / "deployer.toml").write_text(
            f'inventory = ["hosts.yml"]\nknown_hosts = ["{lab.known_hosts}"]\nforks = {FORKS}\n'
        )
        (self.directory / "passphrase").write_text(f"{_PASSPHRASE}\n")
        (self.directory / "passphrase").chmod(0o600)
        self._took("ca", "init", "--name", "Example", "--passphrase-file", "passphrase")

    def jobs(self) -> Mapping[str, tuple[list[str], Mapping[str, str]]]:
        """All of them."""
        passphrase = ("--yes", "--passphrase-file", "passphrase")
        commands = {
            "first apply": ("apply", *passphrase),
            "no-op apply": ("apply", *passphrase),
            # All hosts at once, as the others do it.
            "rotate": ("rotate", *passphrase, "--serial", "100%"),
            "plan": ("plan",),
            "status": ("status",),
        }
        return {job: (_ours(*words, *self._options), {}) for job, words in commands.items()}

    def do(self, job: str) -> Measured:
        """Do one."""
        argv, env = self.jobs()[job]
        statuses = _STATUS if job == "status" else (0,)
        return took(argv, cwd=self.directory, timeout=_WITHIN, env=env, statuses=statuses)

    def _took(self, *words: str) -> Measured:
        return took(_ours(*words), cwd=self.directory, timeout=_WITHIN)


class Ansible:
    """ansible-core, tuned: pipelining, ControlPersist, no facts, 50 forks."""

    def __init__(self, program: str) -> None:
        """`program`: `ansible-playbook`."""
        self.name = f"ansible-core {_version(program)}"
        self._program = program
        self.directory = Path()

    def settle(self, lab: Lab) -> None:
        """Write the playbook's inventory, and tune."""
        self.directory = _peer_project(lab, "ansible")
        common = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(lab.key),
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        hosts = {
            way.name: {"ansible_host": way.address, "ansible_port": way.port} for way in lab.ways
        }
        inventory = json.dumps({"all": {"hosts": hosts, "vars": common}})
        (self.directory / "hosts.yml").write_text(inventory)
        (self.directory / "ansible.cfg").write_text(
            f"[defaults]\ninventory = hosts.yml\nforks = {FORKS}\ngathering = explicit\n"
            "[ssh_connection]\npipelining = true\n"
            f"control_path_dir = {self.directory}/cp\n"
            f"ssh_args = -F none -o ControlMaster=auto -o ControlPersist=60s {' '.join(_EXCHANGE)} "
            f"-o UserKnownHostsFile={lab.known_hosts}\n"
        )

    def jobs(self) -> Mapping[str, tuple[list[str], Mapping[str, str]]]:
        """All but a status of everything."""
        argv = [self._program, "playbook.yml"]
        return {
            "first apply": (argv, {}),
            "no-op apply": (argv, {}),
            "rotate": ([*argv, "-e", "rotate=true"], {}),
            "plan": ([*argv, "--check"], {}),
        }

    def do(self, job: str) -> Measured:
        """Do one, over connections of its own."""
        argv, env = self.jobs()[job]
        env = {**env, "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg")}
        return took(argv, cwd=self.directory, timeout=_WITHIN, env=env)


class Pyinfra:
    """pyinfra, 50 hosts in parallel."""

    def __init__(self, program: str) -> None:
        """`program`: `pyinfra`."""
        self.name = f"pyinfra {_version(program)}"
        self._program = program
        self.directory = Path()

    def settle(self, lab: Lab) -> None:
        """Write its inventory."""
        self.directory = _peer_project(lab, "pyinfra")
        hosts = [
            (
                way.name,
                {
                    "ssh_hostname": way.address,
                    "ssh_port": way.port,
                    "ssh_user": "root",
                    "ssh_key": str(lab.key),
                    "ssh_known_hosts_file": str(lab.known_hosts),
                },
            )
            for way in lab.ways
        ]
        (self.directory / "inventory.py").write_text(f"hosts = {hosts!r}\n")

    def jobs(self) -> Mapping[str, tuple[list[str], Mapping[str, str]]]:
        """All but a status of everything."""
        argv = [self._program, "inventory.py", "deploy.py", "-y", "--parallel", str(FORKS)]
        return {
            "first apply": (argv, {}),
            "no-op apply": (argv, {}),
            "rotate": (argv, {"ROTATE": "yes"}),
            "plan": ([*argv[:3], "--dry", *argv[4:]], {}),
        }

    def do(self, job: str) -> Measured:
        """Do one."""
        argv, env = self.jobs()[job]
        return took(argv, cwd=self.directory, timeout=_WITHIN, env=env)


_EXCHANGE = ("-o", "KexAlgorithms=curve25519-sha256")


def peers(directory: Path | None = None) -> tuple[Contender, ...]:
    """Find those that are installed: in the `bin` of a virtual environment, or on PATH."""
    path = f"{directory}/bin{os.pathsep}{os.environ['PATH']}" if directory else None
    found: list[Contender] = []
    if program := shutil.which("pyinfra", path=path):
        found.append(Pyinfra(program))
    if program := shutil.which("ansible-playbook", path=path):
        found.append(Ansible(program))
    return tuple(found)


def _ours(*words: str) -> list[str]:
    return [sys.executable, "-m", "deployer", *words]


def _fresh(lab: Lab, name: str) -> Path:
    directory = lab.directory / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def _peer_project(lab: Lab, name: str) -> Path:
    directory = _fresh(lab, name)
    shutil.copytree(PEERS, directory, dirs_exist_ok=True)
    (directory / "ca").mkdir()
    request = (
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
        *("-nodes", "-keyout", "ca/ca.key", "-out", "ca/ca.pem", "-subj", "/CN=Example"),
    )
    subprocess.run(request, cwd=directory, check=True, capture_output=True)
    return directory


def _version(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    words = said.splitlines()[0].replace("[core ", "").replace("]", "").split()
    return words[-1].removeprefix("v")
