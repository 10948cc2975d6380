"""
Where the passwords of Ansible Vault come from: files, programs, or a prompt.

As in Ansible: `--vault-id LABEL@SOURCE`, where a source is a file, a program that prints the
password, or the word `prompt`; `--vault-password-file SOURCE` is one without a label.
"""

import getpass
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deployer.errors import DeployerError
from deployer.inventory.vault import Vault, VaultSecret

PROMPT = "prompt"
PATIENCE = 60
"""Seconds in which a program must have printed the password; it may ask somebody."""


class NoVaultPassword(DeployerError):
    """What should give a password of Ansible Vault does not."""


def open_vault(ids: Sequence[str], files: Sequence[Path], *, ask: bool) -> Vault:
    """Collect every password that the command line names, in its order."""
    secrets = [_named(one) for one in ids]
    secrets += [VaultSecret("", _password(file, "")) for file in files]
    if ask:
        secrets.append(VaultSecret("", _asked("")))
    return Vault(tuple(secrets))


def _named(one: str) -> VaultSecret:
    label, at, source = one.rpartition("@")
    label = label if at else ""
    if source == PROMPT:
        return VaultSecret(label, _asked(label))
    return VaultSecret(label, _password(Path(source), label))


def _asked(label: str) -> bytes:
    return getpass.getpass(f"Vault password{f' ({label})' if label else ''}: ").encode()


def _password(source: Path, label: str) -> bytes:
    source = source.expanduser()
    try:
        program = source.is_file() and os.access(source, os.X_OK)
        said = _printed(source, label) if program else source.read_bytes()
    except OSError as error:
        raise NoVaultPassword(f"cannot read {source}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise NoVaultPassword(f"{source} printed no password within {PATIENCE} s") from error
    password = said.strip()
    if not password:
        raise NoVaultPassword(f"{source} holds no password", hint="it stands on the first line")
    return password


def _printed(program: Path, label: str) -> bytes:
    """Run a program; one that is named as a client of a key store is told which id is meant."""
    told = ["--vault-id", label] if label and program.stem.endswith("-client") else []
    ended = subprocess.run(
        [str(program.absolute()), *told],
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    if ended.returncode != 0:
        raise NoVaultPassword(f"{program} ended with status {ended.returncode}")
    return ended.stdout
