"""This computer, for hosts with `ansible_connection: local`."""

import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Self

from deployer.spec.connection import Become
from deployer.transport import Completed, Stream
from deployer.transport.conversation import Conversation
from deployer.transport.deadlines import Deadlines
from deployer.transport.stream import TimedStream

# sshd starts commands with little more than this. The rest of our environment may hold
# secrets, such as the passphrase of the CA, that a server started by us must not inherit.
_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG")
_CHUNK = 65536
_REAP_WITHIN = 1


class Local:
    """Run commands here, with the same manners as over SSH."""

    def __init__(
        self,
        host: str = "localhost",
        *,
        become: Become | None = None,
        timeouts: Deadlines | None = None,
    ) -> None:
        self._host = host
        self._become = become
        self._timeouts = timeouts or Deadlines()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        """Run a command; kill it, and what it started, when the time is up."""
        talk = Conversation(
            self._host,
            argv,
            stdin=stdin,
            timeout=timeout,
            become=self._become,
            become_within=self._timeouts.become,
        )
        try:
            process = _start(talk.argv)
        except FileNotFoundError as error:  # in the words and the statuses of a shell
            return Completed(status=127, stdout=b"", stderr=str(error).encode())
        except OSError as error:
            return Completed(status=126, stdout=b"", stderr=str(error).encode())
        try:
            with _ProcessPipes(process) as pipes:
                talk.hold(pipes)
            process.wait(talk.seconds_left)
        except subprocess.TimeoutExpired as error:
            raise talk.overdue() from error
        finally:
            _end(process)
        status = process.returncode
        return talk.completed(status if status >= 0 else 128 - status)  # as a shell puts it

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        """Connect to an address; raise `OSError` when that fails."""
        until = time.monotonic() + timeout
        return TimedStream(socket.create_connection((address, port), timeout), until=until)

    def close(self) -> None:
        """Do nothing: no connection is kept between commands."""


def _start(argv: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,  # no terminal for sudo to ask on, and one group to kill
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that still runs, with its group, and reap it."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError, PermissionError):  # through sudo it is not ours to kill
        os.killpg(process.pid, signal.SIGKILL)
    try:
        process.wait(_REAP_WITHIN)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, daemon=True).start()


class _ProcessPipes:
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
        rest = memoryview(data)
        while rest:
            try:
                sent = self._stdin.write(rest[:_CHUNK])
            except ValueError as error:  # closed by `end` meanwhile
                raise BrokenPipeError("standard input is closed") from error
            rest = rest[sent:]

    def end(self) -> None:
        self._stdin.close()

    def read(self, seconds: float, /) -> tuple[bytes, bytes]:
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
