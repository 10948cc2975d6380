"""
One command seen from our side of its three streams, the same over SSH and on this computer.

Input is sent by a thread of its own while both outputs are drained by the caller: a command
that writes before it has read everything, or never reads at all, blocks neither side.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from deployer.errors import HostError, Interrupted
from deployer.spec.connection import Become
from deployer.transport import Completed
from deployer.transport.sudo import Sudo

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Nothing we run says a tenth of this; a command that does must not fill our memory."""


class Pipes(Protocol):
    """The three streams of a command."""

    def send(self, data: bytes, /) -> None:
        """Send every byte to standard input, or raise `OSError`."""

    def end(self) -> None:
        """Close standard input. Safe to call twice."""

    def read(self, seconds: float, /) -> tuple[bytes, bytes]:
        """
        Wait for some output, of either kind; two empty strings mean the end of both.

        Raises `TimeoutError` when none comes in time.
        """


class Conversation:
    """What is said to and by one command, with its deadline, and through sudo if need be."""

    def __init__(
        self,
        host: str,
        argv: Sequence[str],
        *,
        stdin: bytes,
        timeout: float,
        become: Become | None,
        become_within: float,
    ) -> None:
        self._host = host
        self._name = argv[0]
        self._stdin = stdin
        self._timeout = timeout
        self._until = time.monotonic() + timeout
        self._become_within = min(become_within, timeout)
        self._sudo = Sudo(become, argv) if become else None
        self._stdout = bytearray()
        self._stderr = bytearray()
        self.argv = self._sudo.argv if self._sudo else list(argv)
        """What to start: the command, or sudo with the command."""

    @property
    def seconds_left(self) -> float:
        """How much of the time is left."""
        return max(0, self._until - time.monotonic())

    def hold(self, pipes: Pipes) -> None:
        """Feed the command and collect what it says, until both its outputs have ended."""
        feeder = threading.Thread(target=_feed, args=(pipes, self._stdin), daemon=True)
        sudo = self._sudo
        if sudo is None or sudo.takes_input:
            feeder.start()
        started_by = self._until - self._timeout + self._become_within
        while True:
            end = self._until if sudo is None or sudo.started else started_by
            try:
                stdout, stderr = pipes.read(max(0, end - time.monotonic()))
            except TimeoutError as error:
                raise self.overdue() from error
            if not stdout and not stderr:
                return
            self._stdout += stdout
            self._stderr += stderr if sudo is None else sudo.hear(stderr)
            if sudo is not None and not sudo.started:
                _answer(pipes, sudo)
            elif feeder.ident is None:
                feeder.start()
            if len(self._stdout) + len(self._stderr) > OUTPUT_LIMIT:
                cause = f"{self._name} wrote more than {OUTPUT_LIMIT >> 20} MiB"
                raise Interrupted(self._host, "run", cause)

    def completed(self, status: int) -> Completed:
        """Close the conversation; raises what sudo said if it never let the command start."""
        if self._sudo and not self._sudo.started:
            raise self._sudo.refusal(self._host)
        return Completed(status=status, stdout=bytes(self._stdout), stderr=bytes(self._stderr))

    def overdue(self) -> HostError:
        """Say what has taken too long: the command, or the sudo before it."""
        if self._sudo and self._sudo.rejected:
            return self._sudo.refusal(self._host)
        if self._sudo and not self._sudo.started:
            return self._sudo.silence(self._host, self._become_within)
        cause = f"{self._name} did not end within {self._timeout:g} s"
        return Interrupted(self._host, "run", cause)


def _answer(pipes: Pipes, sudo: Sudo) -> None:
    with suppress(OSError):  # sudo is gone, and what it said last tells why
        if answer := sudo.answer():
            pipes.send(answer)
        if sudo.rejected:
            pipes.end()


def _feed(pipes: Pipes, stdin: bytes) -> None:
    # A command is free not to read what it is given; its exit status says how it went.
    with suppress(OSError):
        pipes.send(stdin)
    with suppress(OSError):
        pipes.end()
