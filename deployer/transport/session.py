"""
An open SSH connection: commands, and TCP connections as the host sees them.

paramiko's waits without a timeout are bounded from outside: when a step's time is up its
socket is shut down, which wakes them all.
"""

import shlex
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from deployer.errors import HostError, Interrupted, Unreachable
from deployer.spec.connection import Become
from deployer.transport import Completed, Stream
from deployer.transport.commands import Commands
from deployer.transport.conversation import Conversation
from deployer.transport.deadlines import Deadlines, hang_up, shutdown_after
from deployer.transport.stream import ForwardingRefused, TimedStream
from deployer.transport.wire import Wire

LOST = (paramiko.SSHException, OSError, EOFError)
"""What paramiko raises when a connection ends, depending on where it noticed."""

KILLED = 255
"""The status of a command that a signal ended, as ssh(1) has it: the host does not say more."""

_JOIN_WITHIN = 2
_CHUNK = 32768
_LARGE = 1 << 20
_LOST_SILENTLY = "the connection was lost"
_ENDING_WITHIN = 0.2
_NO_STATUS = -1
# How often a host is asked again for a session: it may allow one (MaxSessions), and clear the last
# one away a moment after it has ended for us.
_SESSION_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5)
_PROHIBITED = 1  # SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, RFC 4254 §5.1
# Its type, its size in characters and in pixels, and no modes.
_DUMB_TERMINAL = ("dumb", 80, 24, 0, 0, "")
_UNKNOWN_TYPE = 3  # SSH_OPEN_UNKNOWN_CHANNEL_TYPE


class SSH:
    """A connection whose host key and login are settled. Made by `ssh.connect`."""

    def __init__(
        self,
        host: str,
        session: paramiko.Transport,
        wire: Wire,
        *,
        become: Become | None,
        timeouts: Deadlines,
        key_exchange: str = "",
    ) -> None:
        self.key_exchange = key_exchange
        """The name of the exchange that protects it."""
        self._host = host
        self._session = session
        self._wire = wire
        self._used = False
        self._commands = Commands(host, self._hold, become=become, timeouts=timeouts)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        """
        Run a command as the user who owns the target.

        When the time is up the whole connection is given up, since nothing less is sure to
        wake every thread that waits for it.
        """
        return self._commands.run(argv, stdin=stdin, timeout=timeout)

    def _hold(self, talk: Conversation) -> Completed:
        with shutdown_after(talk.seconds_left, self._wire.connection) as rang:
            try:
                status = self._execute(talk)
            except LOST as error:
                self.close()
                # paramiko has deadlines of its own, and may see the time before our timer does.
                late = rang.is_set() or not talk.seconds_left
                raise talk.overdue() if late else self._lost(str(error)) from error
            except HostError:
                self.close()
                raise
        return talk.completed(status)

    def _execute(self, talk: Conversation) -> int:
        channel = self._open(talk)
        try:
            pipes = _ChannelPipes(channel)
            self._used = True
            if talk.on_terminal:
                self._request(channel, "pty-req", *_DUMB_TERMINAL)
            self._request(channel, "exec", shlex.join(talk.argv), wants_reply=True)
            talk.hold(pipes)
            if not channel.status_event.wait(talk.seconds_left):
                raise talk.overdue()
        finally:
            with suppress(*LOST):
                channel.close()
        return self._exit_status(channel)

    def _open(self, talk: Conversation) -> paramiko.Channel:
        """Open a session, where one was open before after a while if need be."""
        pauses = iter(_SESSION_PAUSES if self._used else ())
        while True:
            try:
                return self._session.open_session(timeout=talk.seconds_left)
            except paramiko.ChannelException as error:
                pause = next(pauses, None)
                if pause is None:
                    cause = f"the host opens no session for a command: {error.text}"
                    raise self._failure("run", cause) from error
            threading.Event().wait(min(pause, talk.seconds_left))

    def _exit_status(self, channel: paramiko.Channel) -> int:
        if channel.exit_status != _NO_STATUS:
            return channel.exit_status
        # Channels are told of the end of a connection a moment before it is marked as ended.
        self._session.join(_ENDING_WITHIN)
        if not self._session.is_active():
            raise EOFError("the connection ended")
        if not channel.eof_received:
            raise self._failure("run", "the host does not let us run commands")
        return KILLED

    def _request(
        self,
        channel: paramiko.Channel,
        kind: str,
        *values: str | int,
        wants_reply: bool = False,
    ) -> None:
        """
        Ask something of a channel (RFC 4254 §6.2 and §6.5).

        Not with `Channel.exec_command` and `get_pty`: they wait for the answer without a
        deadline, and never wake when the connection ends just before they start to wait. Here a
        refusal closes the channel, which every later step notices.
        """
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string(kind)
        message.add_boolean(wants_reply)
        for value in values:
            if isinstance(value, int):
                message.add_int(value)
            else:
                message.add_string(value)
        self._session._send_user_message(message)  # type: ignore[attr-defined]  # noqa: SLF001

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        """
        Connect to an address as the host sees it.

        Raises `ForwardingRefused` where sshd does not allow it, another `OSError` where the
        address does not answer. The stream is over when the time is up.
        """
        until = time.monotonic() + timeout
        channel = self.forward(address, port, timeout=timeout)
        return TimedStream(_Tunnel(channel), until=until)

    def forward(self, address: str, port: int, *, timeout: float) -> paramiko.Channel:
        """Open what `dial` reads and writes, for longer; raises the same."""
        until = time.monotonic() + timeout
        try:
            return self._session.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout
            )
        except paramiko.ChannelException as error:
            if error.code in {_PROHIBITED, _UNKNOWN_TYPE}:
                raise ForwardingRefused(f"{self._host} forwards no TCP connections") from error
            raise ConnectionRefusedError(f"{address}:{port}: {error.text}") from error
        except paramiko.SSHException as error:
            if time.monotonic() >= until:
                raise TimeoutError(f"no answer from {address}:{port}") from error
            raise ConnectionError(f"{address}:{port}: {error}") from error
        except EOFError as error:
            raise ConnectionError("the SSH connection ended") from error

    @property
    def is_open(self) -> bool:
        """Say whether the connection has not ended, as far as is known here."""
        return self._session.is_active()

    def close(self) -> None:
        """Give the connection back, with its thread. Safe to call twice."""
        close_session(self._session, self._wire.connection)
        self._wire.release()

    def _failure(self, step: str, cause: str) -> HostError:
        """Choose by whether any command can have run here."""
        kind = Interrupted if self._used else Unreachable
        return kind(self._host, step, cause)

    def _lost(self, why: str) -> HostError:
        return self._failure("run", f"the connection was lost: {why}" if why else _LOST_SILENTLY)


def close_session(session: paramiko.Transport, connection: socket.socket) -> None:
    """
    End a connection and its thread, whatever state either is in.

    The socket goes first: `Transport.close` alone leaves the thread to find out by itself,
    and can wait for a lock that the thread holds.
    """
    hang_up(connection)
    if session.is_alive():
        session.join(_JOIN_WITHIN)
    session.stop_thread()
    session.packetizer.complete_handshake()  # ends a timer that would hold up our own exit


class _ChannelPipes:
    """The three streams of a command at the other end of a channel."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._activity = threading.Event()
        channel.in_buffer.set_event(self._activity)
        channel.in_stderr_buffer.set_event(self._activity)

    def send(self, data: bytes, /) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[_send(self._channel, bytes(rest[:_CHUNK])) :]

    def end(self) -> None:
        with _as_os_errors():
            self._channel.shutdown_write()

    def read(self, seconds: float, /) -> tuple[bytes, bytes]:
        until = time.monotonic() + seconds
        channel = self._channel
        while True:
            # Asked first: what arrived before the end is still read, and nothing comes after.
            ended = channel.closed or channel.eof_received
            stdout = channel.recv(_LARGE) if channel.recv_ready() else b""
            stderr = channel.recv_stderr(_LARGE) if channel.recv_stderr_ready() else b""
            if stdout or stderr or ended:
                return stdout, stderr
            # Each read that empties a buffer clears the event, but both buffers have been
            # found empty since, so whatever has arrived after that has set it again.
            if not self._activity.wait(until - time.monotonic()):
                raise TimeoutError


class _Tunnel:
    """A forwarded connection that fails as a socket does."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def settimeout(self, value: float, /) -> None:
        self._channel.settimeout(value)

    def send(self, data: bytes, /) -> int:
        return _send(self._channel, data)

    def recv(self, size: int, /) -> bytes:
        with _as_os_errors():
            data = self._channel.recv(size)
        if not data and not self._channel.eof_received:
            raise ConnectionResetError("the SSH connection ended")
        return data

    def close(self) -> None:
        with suppress(*LOST):
            self._channel.close()


def _send(channel: paramiko.Channel, data: bytes) -> int:
    with _as_os_errors():
        sent = channel.send(data)
    if not sent:
        raise BrokenPipeError("the channel is closed")
    return sent


@contextmanager
def _as_os_errors() -> Iterator[None]:
    try:
        yield
    except (paramiko.SSHException, EOFError) as error:
        raise ConnectionResetError("the SSH connection ended") from error
