"""
Ways to reach one host. Whatever the way, it offers two verbs.

`run` carries everything that changes a host: files travel on standard input, so that SSH,
sudo and the local machine each have one method to get right. `dial` opens a TCP connection
as seen from the host, through the same connection, so that a probe needs no other route.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

# paramiko takes it along, if it is there, for a reader of ssh_config that is not ours: a twentieth
# of what it takes to start.
sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a command left behind: its exit status and both streams, undecoded."""

    status: int
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)

    @property
    def last_words(self) -> str:
        """The end of what the command said, for an error message."""
        said = (self.stderr.strip() or self.stdout.strip()).decode(errors="replace")
        return "\n".join(said.splitlines()[-10:])


class Stream(Protocol):
    """A connected TCP stream."""

    def sendall(self, data: bytes, /) -> None:
        """Send every byte or raise `OSError`."""

    def recv(self, size: int, /) -> bytes:
        """Return some bytes, or none at the end; raise `TimeoutError` at the deadline."""

    def close(self) -> None:
        """Close both directions."""


class Transport(Protocol):
    """A way to run a command on one host, and to open a connection from it."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        """
        Run a command as the user who owns the target (root, after `become`).

        `argv` is never read by a shell. The call ends within `timeout` seconds whatever the
        peer does. Raises `Interrupted` when the connection is lost or the time is up.
        """

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        """Connect to an address as the host sees it; raise `OSError` when that fails."""

    def close(self) -> None:
        """Give the connection back. Safe to call twice."""


def is_open(transport: Transport) -> bool:
    """Say whether a transport has not ended, as far as is known; one without a line never does."""
    return bool(getattr(transport, "is_open", True))


def key_exchange_of(transport: Transport) -> str:
    """
    Say which key exchange protects a transport, by the name of RFC 4253 §7.1.

    Nothing where there is none, and where only the program ssh knows.
    """
    found = getattr(transport, "key_exchange", "")
    return found if isinstance(found, str) else ""
