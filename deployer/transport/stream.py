"""A connected stream that is over at its deadline, whatever the other side does."""

import time
from typing import Protocol


class ForwardingRefused(ConnectionError):
    """The host's sshd forwards no TCP connections; another way to it must be found."""


class _Connected(Protocol):
    """What sockets and SSH channels have in common."""

    def settimeout(self, value: float, /) -> None:
        """Bound the next call."""

    def send(self, data: bytes, /) -> int:
        """Send some bytes."""

    def recv(self, size: int, /) -> bytes:
        """Return some bytes, or none at the end."""

    def close(self) -> None:
        """Close both directions."""


class TimedStream:
    """
    A stream with one deadline for its whole life.

    A timeout for each call would let a peer that sends a byte now and then go on for ever.
    """

    def __init__(self, connected: _Connected, *, until: float) -> None:
        self._connected = connected
        self._until = until

    def sendall(self, data: bytes, /) -> None:
        """Send every byte or raise `OSError`."""
        rest = memoryview(data)
        while rest:
            self._bound()
            sent = self._connected.send(bytes(rest[:32768]))
            if not sent:
                raise BrokenPipeError("the stream is closed")
            rest = rest[sent:]

    def recv(self, size: int, /) -> bytes:
        """Return some bytes, or none at the end; raise `TimeoutError` at the deadline."""
        self._bound()
        return self._connected.recv(size)

    def close(self) -> None:
        """Close both directions."""
        self._connected.close()

    def _bound(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this stream is up")
        self._connected.settimeout(left)
