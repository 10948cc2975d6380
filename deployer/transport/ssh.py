"""
SSH connections of our own, made with paramiko.

`connect` makes one, along a route that is settled. `Connections` are those of a run: it settles
routes, reads every known_hosts file once, and shares the connections to jump hosts.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko

from deployer.errors import Unreachable
from deployer.spec.connection import Connection
from deployer.transport.backoff import persistently
from deployer.transport.deadlines import Deadlines
from deployer.transport.handshake import check_host_key, exchange_keys
from deployer.transport.hops import Hops
from deployer.transport.known_hosts import HostKey, KnownHosts
from deployer.transport.login import Login
from deployer.transport.route import Route
from deployer.transport.scanning import scan
from deployer.transport.session import SSH, close_session
from deployer.transport.ssh_config import SshConfig
from deployer.transport.wire import Wire, by_command, by_tcp

Through = Callable[[Route, Deadlines], Wire]
"""How to get a wire to a host behind others."""

# What matters of paramiko's log is in the errors raised here; the rest would be printed
# between the lines of a report, once for each host.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class Connections:
    """The connections of one run."""

    def __init__(self, config: SshConfig, *, timeouts: Deadlines | None = None) -> None:
        self._config = config
        self._timeouts = timeouts or Deadlines()
        self._known: dict[tuple[Path, ...], KnownHosts] = {}
        self._reading = threading.Lock()
        self._hops = Hops(config, self._connect)

    def connect(self, connection: Connection) -> SSH:
        """Connect to a host; raises `Unreachable` with the step that failed."""
        return self._connect(self._config.route(connection), self._timeouts)

    def route(self, connection: Connection) -> Route:
        """Settle the way to a host without going there."""
        return self._config.route(connection)

    def hops(self, route: Route) -> tuple[Route, ...]:
        """Settle the ways to the jump hosts before a host, the nearest first."""
        return self._hops.routes(route)

    def keys(self, route: Route) -> tuple[HostKey, ...]:
        """Ask a host for its keys; raises `Unreachable`."""
        timeouts = self._timeouts.within(route.connect_timeout)
        return scan(route, lambda: _wire(route, timeouts, self._hops.wire), timeouts)

    def close(self) -> None:
        """End the connections to jump hosts. Those to hosts end by themselves."""
        self._hops.close()

    def known_hosts(self, route: Route) -> KnownHosts:
        """Return what is known of hosts, for a route: its files are read once."""
        return self.read(route.known_hosts)

    def read(self, files: tuple[Path, ...]) -> KnownHosts:
        """Read known_hosts files, the first time that somebody wants to know."""
        with self._reading:
            if files not in self._known:
                self._known[files] = KnownHosts.read(files)
            return self._known[files]

    def forget(self) -> None:
        """Read known_hosts again: there is more in them now."""
        with self._reading:
            self._known.clear()
        self._hops.retry()

    def _connect(self, route: Route, timeouts: Deadlines) -> SSH:
        return connect(
            route,
            known_hosts=self.known_hosts(route),
            timeouts=timeouts.within(route.connect_timeout),
            through=self._hops.wire,
        )


def connect(
    route: Route,
    *,
    known_hosts: KnownHosts,
    timeouts: Deadlines | None = None,
    through: Through | None = None,
) -> SSH:
    """
    Open a connection to a host whose key is already known, and no other.

    Raises `Unreachable` with the step that failed. Every step has its own deadline.
    """
    timeouts = timeouts or Deadlines()
    login = Login(route)
    known = known_hosts.lookup(route.known_as, route.recorded_port)

    def reach() -> SSH:
        wire = _wire(route, timeouts, through)
        session = paramiko.Transport(wire.connection)
        try:
            exchange = exchange_keys(route, session, wire, known, timeouts)
            check_host_key(route, session, known, known_hosts)
            login.log_in(session, wire.connection, timeout=timeouts.authenticate)
        except BaseException:
            close_session(session, wire.connection)
            wire.release()
            raise
        return SSH(
            route.name,
            session,
            wire,
            become=route.become,
            timeouts=timeouts,
            key_exchange=exchange,
        )

    return persistently(reach, within=timeouts.handshake)


def _wire(route: Route, timeouts: Deadlines, through: Through | None) -> Wire:
    if route.proxy_command:
        return by_command(route)
    if route.hops:
        if through is None:
            raise Unreachable(route.name, "connect", "there is nobody to go through")
        return through(route, timeouts)
    for _ in range(route.attempts - 1):
        try:
            return by_tcp(route, timeouts)
        except Unreachable:
            threading.Event().wait(1)  # as ssh(1) does between attempts
    return by_tcp(route, timeouts)
