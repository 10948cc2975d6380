"""
Where the passphrase of the CA comes from: a file, a command, the environment, or a prompt.

Asked for once, and only when something is to be signed.
"""

import getpass
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from deployer.errors import DeployerError, PassphraseMissing, UsageError
from deployer.report import console

VARIABLE = "DEPLOYER_CA_PASSPHRASE"
SHORTEST = 8
PATIENCE = 60.0
"""Seconds in which a command must have printed the passphrase; it may ask somebody."""


class NoPassphrase(DeployerError):
    """What should give the passphrase does not, or it will not do."""


class Passphrase:
    """The passphrase of this run, fetched when it is first needed."""

    def __init__(
        self,
        file: Path | None = None,
        command: str | None = None,
        *,
        variable: str | None = VARIABLE,
        patience: float = PATIENCE,
    ) -> None:
        self._file = file
        self._command = command
        self._variable = variable
        self._patience = patience
        self._known: str | None = None

    @property
    def at_hand(self) -> bool:
        """Whether it can be had without asking a person."""
        in_environment = self._variable and os.environ.get(self._variable)
        return bool(self._known or self._file or self._command or in_environment)

    def get(self) -> str:
        """Return the passphrase of an existing CA."""
        return self._once(lambda: _ask("passphrase of the CA: "))

    def choose(self) -> str:
        """Return a passphrase to protect keys with from now on; a prompt asks twice."""
        chosen = self._once(_ask_twice)
        if len(chosen) < SHORTEST:
            raise NoPassphrase(f"a passphrase has at least {SHORTEST} characters")
        return chosen

    def _once(self, ask: Callable[[], str]) -> str:
        if self._known is None:
            self._known = self._fetched() or ask()
        return self._known

    def _fetched(self) -> str:
        if self._file is not None:
            return _first_line(self._file)
        if self._command is not None:
            return _output_of(self._command, self._patience)
        if self._variable is None:
            return ""
        return _text(os.environb.get(self._variable.encode(), b""), self._variable)


def _first_line(file: Path) -> str:
    try:
        content = file.read_bytes()
        exposed = stat.S_ISREG(mode := file.stat().st_mode) and mode & (stat.S_IRGRP | stat.S_IROTH)
    except OSError as error:
        raise NoPassphrase(f"cannot read {file}: {error.strerror}") from error
    if exposed:
        # Not refused: secrets are mounted into containers like this, for nobody else is there.
        console.note(f"others may read {file}: chmod 600 {file}", style="yellow")
    lines = _text(content, str(file)).splitlines()
    if not lines or not lines[0]:
        raise NoPassphrase(f"{file} holds no passphrase on its first line")
    return lines[0]


def _output_of(command: str, patience: float) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:
        why = str(error).lower()
        raise UsageError(f"--passphrase-command: {command}: {why}") from error
    if not words:
        raise UsageError("--passphrase-command names no command")
    try:
        done = subprocess.run(words, capture_output=True, timeout=patience, check=False)
    except OSError as error:
        raise NoPassphrase(
            f"the passphrase command {words[0]} cannot be run: {error.strerror}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NoPassphrase(
            f"the passphrase command {words[0]} did not end within {patience:g} s",
            hint="does it wait for somebody to answer?",
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise NoPassphrase(
            f"the passphrase command {words[0]} failed: {said or f'exit status {done.returncode}'}"
        )
    first = _text(done.stdout, f"what {words[0]} printed").splitlines()[:1]
    if not first or not first[0]:
        raise NoPassphrase(f"the passphrase command {words[0]} printed none on its first line")
    return first[0]


def _text(content: bytes, source: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        # Without its cause, which carries the content.
        raise NoPassphrase(f"{source} is not UTF-8 text") from None


def _ask(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise PassphraseMissing(
            "the passphrase of the CA is needed, and there is no terminal to ask at",
            hint=f"give --passphrase-file, --passphrase-command or {VARIABLE}",
        )
    try:
        return getpass.getpass(prompt)
    except (EOFError, UnicodeDecodeError) as error:
        raise NoPassphrase("no passphrase was typed") from error


def _ask_twice() -> str:
    first = _ask("new passphrase: ")
    if _ask("once more: ") != first:
        raise NoPassphrase("the two passphrases differ", hint="type the command again")
    return first
