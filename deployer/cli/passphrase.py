"""
Where the passphrase of the CA comes from: a file, a command, the environment, or a prompt.

Asked for once, and only when something is to be signed.
"""

import getpass
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from deployer.errors import DeployerError

VARIABLE = "DEPLOYER_CA_PASSPHRASE"
SHORTEST = 8


class NoPassphrase(DeployerError):
    """The passphrase is needed and nobody can be asked."""


class Passphrase:
    """The passphrase of this run, fetched when it is first needed."""

    def __init__(self, file: Path | None = None, command: str | None = None) -> None:
        self._file = file
        self._command = command
        self._known: str | None = None

    @property
    def at_hand(self) -> bool:
        """Whether it can be had without asking a person."""
        return bool(self._known or self._file or self._command or os.environ.get(VARIABLE))

    def get(self) -> str:
        """Return the passphrase of an existing CA."""
        return self._once(lambda: _ask("passphrase of the CA: "))

    def choose(self) -> str:
        """Return the passphrase for a new CA; a prompt asks twice."""
        return self._once(_ask_twice)

    def _once(self, ask: Callable[[], str]) -> str:
        if self._known is None:
            self._known = self._fetched() or ask()
        return self._known

    def _fetched(self) -> str:
        if self._file is not None:
            return _first_line(self._file)
        if self._command is not None:
            return _output_of(self._command)
        return os.environ.get(VARIABLE, "")


def _first_line(file: Path) -> str:
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise NoPassphrase(f"cannot read {file}: {error.strerror}") from error
    if not lines or not lines[0]:
        raise NoPassphrase(f"{file} holds no passphrase on its first line")
    return lines[0]


def _output_of(command: str) -> str:
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    first = done.stdout.splitlines()[:1]
    if done.returncode != 0 or not first:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        raise NoPassphrase(f"the passphrase command gave none: {said}")
    return first[0]


def _ask(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise NoPassphrase(
            "the passphrase of the CA is needed, and there is no terminal to ask at",
            hint=f"give --passphrase-file, --passphrase-command or {VARIABLE}",
        )
    return getpass.getpass(prompt)


def _ask_twice() -> str:
    first = _ask("passphrase for the new CA: ")
    if len(first) < SHORTEST:
        raise NoPassphrase(f"a passphrase has at least {SHORTEST} characters")
    if _ask("once more: ") != first:
        raise NoPassphrase("the two passphrases differ", hint="type the command again")
    return first
