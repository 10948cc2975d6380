"""Where tasks are performed: the connections to hosts, one each, for as long as a run lasts."""

import threading
from dataclasses import dataclass
from typing import Protocol

from deployer.host.script import Host, Stranger, Whereabouts
from deployer.spec.connection import Connection
from deployer.transport import Transport, is_open, key_exchange_of


class Connect(Protocol):
    """The ways to hosts."""

    def __call__(self, connection: Connection, /) -> Transport:
        """Connect to a host; raise `Unreachable`."""

    def close(self) -> None:
        """End what the connections shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHost:
    """What every task begins with that is done where the host's layout is known."""

    where: Whereabouts

    @property
    def host(self) -> str:
        """The inventory's name of the host."""
        return self.where.name


class Workplace:
    """The connections that tasks share. Safe to use from many threads."""

    def __init__(self, connect: Connect) -> None:
        self.gave_up = threading.Event()
        """Set when nobody wants to wait for others any more."""
        self._connect = connect
        self._open: dict[str, Transport] = {}
        self._making: dict[str, threading.Lock] = {}

    def stranger(self, connection: Connection) -> Stranger:
        """Reach a host of whose Apache nothing is known yet; raise `Unreachable`."""
        return Stranger(connection.name, self._transport(connection))

    def host(self, where: Whereabouts) -> Host:
        """Reach a host; raise `Unreachable`."""
        connection = where.connection
        return Host(connection.name, self._transport(connection), where.layout, connection.address)

    def key_exchange(self, host: str) -> str:
        """Say which key exchange protects the connection to a host, if there is one."""
        return key_exchange_of(self._open[host]) if host in self._open else ""

    def leave(self, host: str) -> None:
        """Give the connection to a host back, if there is one: nothing else is to be done there."""
        with self._making_of(host):
            transport = self._open.pop(host, None)
        if transport is not None:
            transport.close()

    def close(self) -> None:
        """Give every connection back."""
        while self._open:
            _, transport = self._open.popitem()
            transport.close()
        self._connect.close()

    def _transport(self, connection: Connection) -> Transport:
        """Return the connection to a host; one that ended while nobody used it is made again."""
        name = connection.name
        with self._making_of(name):
            found = self._open.get(name)
            if found is not None and is_open(found):
                return found
            if found is not None:
                found.close()
            made = self._open[name] = self._connect(connection)
            return made

    def _making_of(self, host: str) -> threading.Lock:
        """Keep others of the same host out: a sign of life may come beside another task."""
        return self._making.setdefault(host, threading.Lock())
