"""
One command seen from our side of its three streams, the same over SSH and on this computer.

Input is sent by a thread of its own while both outputs are drained by the caller: a command
that writes before it has read everything, or never reads at all, blocks neither side.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from deployer.errors import HostError, Interrupted
from deployer.spec.connection import Become
from deployer.transport import Completed
from deployer.transport.becoming import Becoming

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
        terminal: bool = False,
    ) -> None:
        """`terminal`: whether becoming somebody else has been found to need one."""
        self._host = host
        self._name = argv[0]
        self._stdin = stdin
        self._timeout = timeout
        self._until = time.monotonic() + timeout
        self._become_within = min(become_within, timeout)
        self._becoming = (
            Becoming(become, argv, size=len(stdin), terminal=terminal) if become else None
        )
        self._stdout = bytearray()
        self._stderr = bytearray()
        self.argv = self._becoming.argv if self._becoming else list(argv)
        """What to start: the command, or sudo with the command."""
        self.on_terminal = self._becoming is not None and self._becoming.on_terminal
        """Whether to start it on a terminal, both of whose outputs are one."""

    @property
    def seconds_left(self) -> float:
        """How much of the time is left."""
        return max(0, self._until - time.monotonic())

    def hold(self, pipes: Pipes) -> None:
        """Feed the command and collect what it says, until both its outputs have ended."""
        ends = () if self.on_terminal else (pipes.end,)
        feeder = threading.Thread(target=_feed, args=(pipes, self._stdin, *ends), daemon=True)
        becoming = self._becoming
        if becoming is None or becoming.takes_input:
            feeder.start()
        started_by = self._until - self._timeout + self._become_within
        while True:
            end = self._until if becoming is None or becoming.started else started_by
            try:
                stdout, stderr = pipes.read(max(0, end - time.monotonic()))
            except TimeoutError as error:
                raise self.overdue() from error
            if not stdout and not stderr:
                return
            self._take(stdout, stderr)
            if becoming is not None and not becoming.started:
                _answer(pipes, becoming)
            elif feeder.ident is None:
                feeder.start()
            if len(self._stdout) + len(self._stderr) > OUTPUT_LIMIT:
                cause = f"{self._name} wrote more than {OUTPUT_LIMIT >> 20} MiB"
                raise Interrupted(self._host, "run", cause)

    def _take(self, stdout: bytes, stderr: bytes) -> None:
        if self._becoming is None:
            self._stdout += stdout
            self._stderr += stderr
        elif self.on_terminal:
            self._stdout += self._becoming.hear(stdout)
        else:
            self._stdout += stdout
            self._stderr += self._becoming.hear(stderr)

    def completed(self, status: int) -> Completed:
        """Close the conversation; raises what sudo said if it never let the command start."""
        if self._becoming and not self._becoming.started:
            raise self._becoming.refusal(self._host)
        stdout, stderr = bytes(self._stdout), bytes(self._stderr)
        if self._becoming and self.on_terminal:
            stdout, stderr = self._becoming.streams(stdout)
        return Completed(status=status, stdout=stdout, stderr=stderr)

    def overdue(self) -> HostError:
        """Say what has taken too long: the command, or the sudo before it."""
        if self._becoming and self._becoming.rejected:
            return self._becoming.refusal(self._host)
        if self._becoming and not self._becoming.started:
            return self._becoming.silence(self._host, self._become_within)
        cause = f"{self._name} did not end within {self._timeout:g} s"
        return Interrupted(self._host, "run", cause)


def _answer(pipes: Pipes, becoming: Becoming) -> None:
    with suppress(OSError):  # sudo is gone, and what it said last tells why
        if answer := becoming.answer():
            pipes.send(answer)
        if becoming.rejected:
            pipes.end()


def _feed(pipes: Pipes, stdin: bytes, end: Callable[[], None] | None = None) -> None:
    # A command is free not to read what it is given; its exit status says how it went.
    with suppress(OSError):
        pipes.send(stdin)
    with suppress(OSError):
        if end:
            end()
