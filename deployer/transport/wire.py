"""
Wires: a connected socket to a host's sshd, made in one of three ways.

Whatever the way, what comes out is a socket of this computer, so that one deadline rules them
all: at the end of the time it is shut down, and everybody who waits for it wakes up.
"""

import errno
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import paramiko

from deployer.errors import Unreachable
from deployer.transport.deadlines import Deadlines, hang_up
from deployer.transport.environment import environment
from deployer.transport.route import Route
from deployer.transport.tcp import NotResolved, keep_alive, open_connection

_CHUNK = 65536
_LAST_WORDS = 2000
_GRACE = 2
_ENDED = (paramiko.SSHException, OSError, EOFError)


@dataclass(frozen=True, slots=True)
class Wire:
    """A connected socket, and what has to end with it."""

    connection: socket.socket
    release: Callable[[], None] = lambda: None
    """End what carries it. Safe to call twice."""
    last_words: Callable[[], str] = str
    """What the program that carries it has said against it."""

    def close(self) -> None:
        """Hang up, and end what carries it."""
        hang_up(self.connection)
        self.release()


def by_tcp(route: Route, timeouts: Deadlines) -> Wire:
    """Connect to a host itself."""
    hint = f"see ansible_host and ansible_port of {route.name}"
    try:
        connection = open_connection(
            route.address,
            route.port,
            timeout=timeouts.connect,
            family=_FAMILIES.get(route.family, socket.AF_UNSPEC),
            source=route.bind_address,
        )
    except NotResolved as error:
        cause = f"the name {route.address} does not resolve: {error}"
    except TimeoutError:
        cause = f"no answer from {route.where} within {timeouts.connect:g} s"
    except ConnectionRefusedError:
        cause = f"{route.where} refused the connection"
        hint = f"does sshd run on {route.name}? {hint}"
    except OSError as error:
        cause = f"{route.where}: {error.strerror or error}"
        hint = of_too_many_files(error) or hint
    else:
        keep_alive(connection, timeouts.keepalive)
        return Wire(connection)
    raise Unreachable(route.name, "connect", cause, hint=hint)


def of_too_many_files(error: OSError) -> str:
    """Say what to do when it is this computer that has no room for another connection."""
    if error.errno not in {errno.EMFILE, errno.ENFILE}:
        return ""
    return "raise the limit (ulimit -n), or take fewer hosts at a time with --limit"


def by_command(route: Route) -> Wire:
    """
    Run a ProxyCommand, whose standard streams are the wire.

    As ssh(1) does it: by the user's shell, which steps aside for the command.
    """
    ours, theirs = socket.socketpair()
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        process = subprocess.Popen(
            [shell, "-c", f"exec {route.proxy_command}"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
    except OSError as error:
        ours.close()
        cause = f"the ProxyCommand cannot be started: {error.strerror}"
        raise Unreachable(route.name, "connect", cause, hint="see $SHELL") from error
    finally:
        theirs.close()
    words = _LastWords(process.stderr)

    def release() -> None:
        # Until it has been waited for, its number belongs to nobody else.
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            threading.Thread(target=_see_off, args=(process,), daemon=True).start()

    return Wire(ours, release, words.said)


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _see_off(process: "subprocess.Popen[bytes]") -> None:
    """Wait for the end of a program that was asked to end, and insist."""
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def splice(channel: paramiko.Channel) -> Wire:
    """Carry a connection that a jump host forwards over a pair of sockets."""
    ours, theirs = socket.socketpair()

    def upwards() -> None:
        with suppress(*_ENDED):
            while data := theirs.recv(_CHUNK):
                channel.sendall(data)
        with suppress(*_ENDED):
            channel.close()
        theirs.close()

    def downwards() -> None:
        with suppress(*_ENDED):
            while data := channel.recv(_CHUNK):
                theirs.sendall(data)
        hang_up(theirs)

    for pump in (upwards, downwards):
        threading.Thread(target=pump, name="wire through a jump host", daemon=True).start()

    def release() -> None:
        # By a thread of its own: a jump host that has stopped reading holds up even this.
        threading.Thread(target=_give_back, args=(channel,), daemon=True).start()

    return Wire(ours, release)


def _give_back(channel: paramiko.Channel) -> None:
    with suppress(*_ENDED):
        channel.close()


class _LastWords:
    """The end of what a program says on standard error, read so that it never has to wait."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._said = b""
        self._reader = threading.Thread(target=self._listen, args=(stream,), daemon=True)
        self._reader.start()

    def said(self) -> str:
        """Return it, once the program has ended or a moment has passed."""
        self._reader.join(0.5)
        lines = self._said.decode(errors="replace").strip().splitlines()
        return "; ".join(line.strip() for line in lines[-3:])

    def _listen(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            return
        with stream:
            while data := os.read(stream.fileno(), 4096):
                self._said = (self._said + data)[-_LAST_WORDS:]


_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
