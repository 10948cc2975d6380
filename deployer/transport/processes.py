"""Programs that a transport starts here: their three streams, and their end."""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Self

_CHUNK = 65536
_REAP_WITHIN = 1


def start(argv: Sequence[str], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a program without a terminal to ask on, in a group that can be killed as one."""
    return subprocess.Popen(
        argv,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        start_new_session=True,
    )


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
        rest = memoryview(data)
        while rest:
            try:
                sent = self._stdin.write(rest[:_CHUNK])
            except ValueError as error:  # closed by `end` meanwhile
                raise BrokenPipeError("standard input is closed") from error
            rest = rest[sent:]

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


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    return pipe
