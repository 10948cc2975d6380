"""A line to a host that can be made bad: slow, late, broken off, or silent."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

BACKLOG = 1 << 16
"""So much is under way at most; whoever sends more has to wait, as on any line."""


@dataclass(kw_only=True)
class Line:
    """
    A TCP relay on a port of this machine.

    What is set while it runs counts for whatever comes next, on connections that are open too.
    """

    to: tuple[str, int]
    up_to: int | None = None
    """After so many more bytes from the client the line ends in the way of `end`."""
    end: Literal["reset", "silence"] = "reset"
    rate: float | None = None
    """Bytes a second, in each direction."""
    delay: float = 0
    """Seconds from one side to the other."""
    port: int = 0
    passed: int = 0
    """Bytes that the client has sent."""
    connections: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when the line has ended in its way."""

    @contextmanager
    def running(self) -> Iterator["Line"]:
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(loop.create_server(lambda: _Client(self), "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            server.close()
            for half in list(_Half.open):
                if half.line is self:
                    half.transport.abort()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()


class _Half(asyncio.Protocol):
    """One side of a connection, whose data goes to the other."""

    open: "set[_Half]" = set()  # noqa: RUF012 - of all lines, which tell their own apart

    def __init__(self, line: Line) -> None:
        self.line = line
        self.peer: _Half | None = None
        self.transport: asyncio.Transport
        self.silent = False
        self._free_at = 0.0
        self._under_way = 0
        self._waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.open.discard(self)
        if self.peer is not None:
            self._later(0, self.peer.transport.close)

    def data_received(self, data: bytes) -> None:
        if self.peer is None:
            self._waiting.append(data)
        elif not self.silent:
            self.pass_on(data)

    def pass_on(self, data: bytes) -> None:
        """Send data to the other side, when its time has come."""
        assert self.peer is not None
        self._under_way += len(data)
        if self._under_way > BACKLOG:
            self.transport.pause_reading()
        self._later(len(data), self._arrive, data)

    def joined(self, peer: "_Half") -> None:
        self.peer = peer
        for data in self._waiting:
            self.data_received(data)
        self._waiting.clear()

    def _arrive(self, data: bytes) -> None:
        assert self.peer is not None
        self._under_way -= len(data)
        if not self.peer.transport.is_closing():
            self.peer.transport.write(data)
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _later(self, size: int, act: Callable[..., None], *arguments: bytes) -> None:
        """Act when so many bytes have passed, and all before them."""
        loop = asyncio.get_running_loop()
        takes = size / self.line.rate if self.line.rate else 0
        self._free_at = max(self._free_at, loop.time()) + takes
        loop.call_at(self._free_at + self.line.delay, act, *arguments)


class _Client(_Half):
    """The side of whoever connects; its bytes are counted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.line.connections += 1
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, server = await loop.create_connection(lambda: _Half(self.line), *self.line.to)
        except OSError:
            self.transport.abort()
            return
        server.joined(self)
        self.joined(server)

    def pass_on(self, data: bytes) -> None:
        line = self.line
        left = line.up_to
        line.passed += len(data)
        if left is None:
            super().pass_on(data)
            return
        line.up_to = max(0, left - len(data))
        if left:
            super().pass_on(data[:left])
        if line.up_to == 0:
            self._later(0, self._end)

    def _end(self) -> None:
        """Break off as a network does: a reset to both sides, or nothing ever again."""
        assert self.peer is not None
        for half in (self, self.peer):
            half.silent = True
            if self.line.end == "reset" and not half.transport.is_closing():
                connection = half.transport.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                half.transport.abort()
        self.line.ended.set()
