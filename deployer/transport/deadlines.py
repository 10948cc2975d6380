"""
Deadlines that hold whatever the peer does.

A wait inside a library can only be bounded from outside it: at the deadline the socket is
shut down, and every thread that waits for it wakes up with an end of file.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each step towards a first command may take, in seconds."""

    connect: float = 10
    """Name resolution and TCP, over all addresses of the name."""
    handshake: float = 15
    """Banner and key exchange."""
    authenticate: float = 30
    become: float = 15
    """From the start of sudo to the start of the command."""
    keepalive: int = 15
    """A connection whose peer has vanished is given up after three of these."""
    given: bool = False
    """Whether somebody asked for this time to connect, and no file is asked."""

    def within(self, connect: float | None) -> Self:
        """Take the time to connect that a configuration gives, unless somebody asked for one."""
        return self if self.given or connect is None else replace(self, connect=connect)


@contextmanager
def shutdown_after(seconds: float, connection: socket.socket) -> Iterator[threading.Event]:
    """
    Shut a socket down unless the block ends in time; the event says whether that happened.

    Shut down, not closed: a thread blocked in a closed descriptor may never wake, or wake on
    another file that was given the same number.
    """
    rang = threading.Event()

    def ring() -> None:
        rang.set()
        hang_up(connection)

    timer = threading.Timer(max(0, seconds), ring)
    timer.daemon = True
    timer.start()
    try:
        yield rang
    finally:
        timer.cancel()
        timer.join()


def hang_up(connection: socket.socket) -> None:
    """End both directions of a socket at once; not an error if that has happened already."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
