"""What every test host offers, whatever it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deployer.layouts import Layout
from deployer.transport import Completed


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user who may log in with the host's key; `password` is what sudo asks for, if it does."""

    user: str
    password: str | None = None


class LabHost(Protocol):
    """A real sshd and a real Apache with a site that was there before us."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def ssh_port(self) -> int: ...
    @property
    def user(self) -> str:
        """Who logs in: root on a fleet host, whoever runs the tests in a sandbox."""

    @property
    def private_key_file(self) -> Path: ...
    @property
    def known_hosts(self) -> Path: ...
    @property
    def layout(self) -> Layout: ...
    @property
    def http_port(self) -> int: ...
    @property
    def https_port(self) -> int: ...
    @property
    def site_url(self) -> str:
        """The administrator's existing site, as the test process reaches it."""

    @property
    def document_root(self) -> str:
        """A directory that a new virtual host may serve."""

    @property
    def root(self) -> Path:
        """
        The host's root directory as the test process sees it.

        Only for paths without absolute symbolic links: those would lead to this machine's files.
        """

    def exec(
        self, argv: Sequence[str], *, stdin: bytes = b"", check: bool = True, timeout: float = 60
    ) -> Completed:
        """Run a command on the host, past SSH; with `check`, a failure fails the test."""

    def read(self, path: str) -> bytes: ...

    def write(self, path: str, content: str | bytes, *, mode: int = 0o644) -> None:
        """Write a file in place, making its directory."""

    def kill(self) -> None:
        """End the host as pulling its plug would."""


def checked(completed: Completed, argv: Sequence[str]) -> Completed:
    """Fail the test, with the command's last words, unless the command succeeded."""
    assert completed.status == 0, f"{list(argv)} exited {completed.status}: {completed.last_words}"
    return completed


# $1 is the path and $2 the mode. A command of the host itself follows its own symbolic links.
WRITE = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'


def write_command(path: str, mode: int) -> tuple[str, ...]:
    return ("sh", "-c", WRITE, "write", path, f"{mode:o}")


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
