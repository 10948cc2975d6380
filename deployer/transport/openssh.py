"""
SSH connections of the system's own program, for what only that can do.

Security keys, PKCS#11 tokens, Kerberos, and whatever else an ssh_config can ask for. One `ssh`
holds the connection, and each command is another that goes through it (ControlMaster of
ssh_config(5)), so a host is logged in to once.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from deployer.errors import HostError, Interrupted, Unreachable
from deployer.spec.connection import Become, Connection
from deployer.transport import Completed, Stream
from deployer.transport.backoff import persistently
from deployer.transport.commands import Commands
from deployer.transport.conversation import Conversation
from deployer.transport.deadlines import Deadlines, hang_up
from deployer.transport.environment import environment
from deployer.transport.openssh_login import (
    Questions,
    configuration,
    failure,
    key_checking,
    master_arguments,
)
from deployer.transport.openssh_master import Master
from deployer.transport.processes import end, start
from deployer.transport.ssh_config import SshConfig
from deployer.transport.stream import ForwardingRefused, TimedStream

_ENDED = 255
"""The status of `ssh` itself when a connection ends."""

_FORWARDED = re.compile(rb"master session id|session opened")


class OpenSSH:
    """A connection that `ssh` holds for us."""

    def __init__(
        self,
        host: str,
        master: Master,
        *,
        become: Become | None,
        timeouts: Deadlines,
    ) -> None:
        self._host = host
        self._master = master
        self._used = False
        self._commands = Commands(host, self._hold, become=become, timeouts=timeouts)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        """Run a command as the user who owns the target; give it up when the time is up."""
        return self._commands.run(argv, stdin=stdin, timeout=timeout)

    def _hold(self, talk: Conversation) -> Completed:
        if not self._master.is_open:
            raise self._lost()
        self._used = True
        command = self._master.command(shlex.join(talk.argv), terminal=talk.on_terminal)
        pipes = start(command, environment())
        process = pipes.process
        try:
            with pipes:
                talk.hold(pipes)
            process.wait(talk.seconds_left)
        except subprocess.TimeoutExpired as error:
            self.close()
            raise talk.overdue() from error
        except HostError:
            self.close()
            raise
        finally:
            end(process)
        if process.returncode == _ENDED and self._master.has_ended:
            raise self._lost()
        return talk.completed(process.returncode)

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        """Connect to an address as the host sees it; raises as `Transport.dial` says."""
        until = time.monotonic() + timeout
        if not self._master.is_open:
            raise ConnectionError("the SSH connection ended")
        name = f"[{address}]" if ":" in address else address
        ours, theirs = socket.socketpair()
        said = self._master.position
        with theirs:
            process = subprocess.Popen(
                self._master.forwarder(f"{name}:{port}"),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                env=environment(),
                start_new_session=True,
            )
        opened = _Opening(process)
        if not opened.wait(until):
            hang_up(ours)
            ours.close()
            end(process)
            if time.monotonic() >= until:
                raise TimeoutError(f"no answer from {address}:{port}")
            why = self._master.heard_after(said)
            if "prohibited" in why or "unknown channel" in why:
                raise ForwardingRefused(f"{self._host} forwards no TCP connections")
            raise ConnectionRefusedError(f"{address}:{port}: {why.strip() or 'refused'}")
        return TimedStream(_Forwarded(ours, process), until=until)

    @property
    def is_open(self) -> bool:
        """Say whether the connection has not ended, as far as is known here."""
        return self._master.is_open

    def close(self) -> None:
        """Give the connection back. Safe to call twice."""
        self._master.close()

    def _lost(self) -> HostError:
        kind = Interrupted if self._used else Unreachable
        why = self._master.last_words
        return kind(self._host, "run", f"the connection was lost: {why}".rstrip(": "))


def connect(
    connection: Connection,
    config: SshConfig,
    *,
    known_hosts: Sequence[Path] = (),
    timeouts: Deadlines | None = None,
) -> OpenSSH:
    """
    Have `ssh` log in to a host whose key is already known, and no other.

    Raises `Unreachable` with the step that failed, as far as what `ssh` says lets us see it.
    """
    timeouts = timeouts or Deadlines()
    program = shutil.which("ssh")
    if program is None:
        cause = "there is no program ssh here"
        raise Unreachable(connection.name, "connect", cause, hint="install OpenSSH's client")
    route = config.route(connection)
    timeouts = timeouts.within(route.connect_timeout)
    checking = key_checking(known_hosts, accept_new=route.accept_new)
    text = configuration(connection.config_file, checking)

    def arguments(file: Path) -> list[str]:
        return master_arguments(connection, file, checking, timeouts)

    seconds = timeouts.connect + timeouts.handshake + timeouts.authenticate

    def reach() -> Master:
        master = Master(program, text, arguments, Questions(connection, route))
        try:
            if master.wait(seconds):
                return master
        except BaseException:
            master.close()
            raise
        overdue = master.is_open
        master.close()
        raise failure(connection, master.last_words, seconds=seconds if overdue else None)

    master = persistently(reach, within=timeouts.handshake)
    return OpenSSH(connection.name, master, become=connection.become, timeouts=timeouts)


class _Opening:
    """The moment at which a forwarded connection stands, as `ssh` tells of it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._opened = False
        self._over = threading.Event()
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def wait(self, until: float) -> bool:
        self._over.wait(max(0, until - time.monotonic()))
        return self._opened

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stderr is None:
            return
        said = b""
        with process.stderr as stream:
            while data := os.read(stream.fileno(), 4096):
                if not self._opened:
                    said += data
                    if _FORWARDED.search(said):
                        self._opened = True
                        self._over.set()
        self._over.set()


class _Forwarded:
    """A forwarded connection, with the program that carries it."""

    def __init__(self, connection: socket.socket, process: "subprocess.Popen[bytes]") -> None:
        self._connection = connection
        self._process = process
        self.settimeout = connection.settimeout
        self.send = connection.send
        self.recv = connection.recv

    def close(self) -> None:
        hang_up(self._connection)
        self._connection.close()
        end(self._process)
