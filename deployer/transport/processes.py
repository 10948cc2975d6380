"""Programs that a transport starts here: their three streams, and their end."""

import io
import os
import pty
import select
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Protocol, Self

_CHUNK = 65536
_REAP_WITHIN = 1


# The first terminal that the leader of a session opens is the one that /dev/tty stands for.
_ON_TERMINAL = 'exec <>"$1" >&0 2>&0; shift; exec "$@"'


class Streams(Protocol):
    """The streams of a program that runs here; closed where a `with` block ends."""

    process: "subprocess.Popen[bytes]"

    def send(self, data: bytes, /) -> None:
        """Send every byte to standard input, or raise `OSError`."""

    def end(self) -> None:
        """Close standard input. Safe to call twice."""

    def read(self, seconds: float, /) -> tuple[bytes, bytes]:
        """Wait for output as `conversation.Pipes` says."""

    def __enter__(self) -> Self:
        """Nothing more to do."""

    def __exit__(self, *_: object) -> None:
        """Close them all."""


def start(argv: Sequence[str], env: Mapping[str, str], *, terminal: bool = False) -> Streams:
    """Start a program in a group that can be killed as one, with a terminal of its own or none."""
    if terminal:
        return _start_on_terminal(argv, env)
    return ProcessPipes(
        subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            start_new_session=True,
        )
    )


def _start_on_terminal(argv: Sequence[str], env: Mapping[str, str]) -> "TerminalPipes":
    ours, theirs = pty.openpty()
    try:
        command = ["sh", "-c", _ON_TERMINAL, "sh", os.ttyname(theirs), *argv]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(env),
            start_new_session=True,
            pass_fds=[theirs],  # until it has opened the terminal itself, somebody must hold it
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return TerminalPipes(process, ours)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that still runs, with its group, and reap it."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError, PermissionError):  # through sudo it is not ours to kill
        os.killpg(process.pid, signal.SIGKILL)
    try:
        process.wait(_REAP_WITHIN)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, daemon=True).start()


class ProcessPipes:
    """The three pipes of a process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._stdin = _opened(process.stdin)
        self._outputs = (_opened(process.stdout), _opened(process.stderr))
        self._selector = selectors.DefaultSelector()
        for pipe in self._outputs:
            self._selector.register(pipe, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for pipe in self._outputs:
            pipe.close()
        self.end()

    def send(self, data: bytes, /) -> None:
        """Send every byte to standard input, or raise `OSError`."""
        _write(self._stdin, data)

    def end(self) -> None:
        """Close standard input. Safe to call twice."""
        self._stdin.close()

    def read(self, seconds: float, /) -> tuple[bytes, bytes]:
        """Wait for output as `conversation.Pipes` says."""
        until = time.monotonic() + seconds
        while self._selector.get_map():
            ready = {key.fileobj for key, _ in self._selector.select(until - time.monotonic())}
            if not ready:
                raise TimeoutError
            said = []
            for pipe in self._outputs:
                data = pipe.read(_CHUNK) if pipe in ready else b""
                if pipe in ready and not data:
                    self._selector.unregister(pipe)
                said.append(data)
            if any(said):
                return said[0], said[1]
        return b"", b""


def _write(pipe: IO[bytes] | io.FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            sent = pipe.write(rest[:_CHUNK])
        except ValueError as error:  # closed meanwhile
            raise BrokenPipeError("standard input is closed") from error
        rest = rest[sent or 0 :]


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    return pipe


class TerminalPipes:
    """A terminal with a program on it: one stream, for both of its outputs."""

    def __init__(self, process: "subprocess.Popen[bytes]", terminal: int) -> None:
        self.process = process
        # An object rather than a number: whoever writes too late must not write elsewhere.
        self._terminal = io.FileIO(terminal, "r+")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._terminal.close()

    def send(self, data: bytes, /) -> None:
        """Send every byte to the terminal, or raise `OSError`."""
        _write(self._terminal, data)

    def end(self) -> None:
        """Do nothing: the input of a terminal has no end."""

    def read(self, seconds: float, /) -> tuple[bytes, bytes]:
        """Wait for output as `conversation.Pipes` says."""
        waiting = select.poll()
        waiting.register(self._terminal, select.POLLIN)
        if not waiting.poll(1000 * max(0, seconds)):
            raise TimeoutError
        try:
            return self._terminal.read(_CHUNK) or b"", b""
        except OSError:  # how a terminal says that nobody is left
            return b"", b""
