"""
Jump hosts: connections that others go through, shared by a whole run.

ssh(1) opens a connection to the jump host for every host behind it, which a fleet of a thousand
turns into an attack on it. Here there is one, and each host gets a channel of it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from deployer.errors import Unreachable
from deployer.transport.deadlines import Deadlines
from deployer.transport.route import Hop, Route
from deployer.transport.session import SSH
from deployer.transport.ssh_config import SshConfig
from deployer.transport.stream import ForwardingRefused
from deployer.transport.wire import Wire, splice

MOST_HOPS = 8
"""A chain that is longer leads in a circle."""

_REMEMBERED = 15
"""Seconds for which a jump host that cannot be reached is not tried again."""


class _Shared:
    """One connection to a jump host, or why there is none."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: SSH | None = None
        self.failure: Unreachable | None = None
        self.failed_at = 0.0


class Hops:
    """The jump hosts of a run."""

    def __init__(self, config: SshConfig, connect: Callable[[Route, Deadlines], SSH]) -> None:
        self._config = config
        self._connect = connect
        self._lock = threading.Lock()
        self._shared: dict[tuple[str | None, tuple[Hop, ...]], _Shared] = {}
        """By the ssh_config in which their names mean what they mean, and the names."""
        self._closed = False

    def wire(self, route: Route, timeouts: Deadlines) -> Wire:
        """Get a wire to a host through the last of its hops."""
        session = self._session(route, timeouts)
        last = route.hops[-1]
        try:
            channel = session.forward(route.address, route.port, timeout=timeouts.connect)
        except ForwardingRefused as error:
            cause = f"the jump host {last} forwards no TCP connections"
            raise Unreachable(route.name, "connect", cause, hint="AllowTcpForwarding") from error
        except OSError as error:
            cause = f"{route.where} cannot be reached from {last}: {error}"
            raise Unreachable(route.name, "connect", cause) from error
        return splice(channel)

    def routes(self, route: Route) -> tuple[Route, ...]:
        """Settle the ways to the hops before a host, the nearest first."""
        if not route.hops or route.proxy_command:
            return ()
        hops = self._chain(route)
        return tuple(self._to(hops[:number], route) for number in range(1, len(hops) + 1))

    def retry(self) -> None:
        """Forget which jump hosts could not be reached."""
        with self._lock:
            for shared in self._shared.values():
                shared.failure = None

    def close(self) -> None:
        """End every connection."""
        with self._lock:
            self._closed = True
            for shared in self._shared.values():
                if shared.session:
                    shared.session.close()
            self._shared.clear()

    def _session(self, route: Route, timeouts: Deadlines) -> SSH:
        hops = self._chain(route)
        with self._lock:
            shared = self._shared.setdefault((route.config_file, hops), _Shared())
        with shared.lock:
            if shared.session is not None and shared.session.is_open:
                return shared.session
            if shared.failure and time.monotonic() < shared.failed_at + _REMEMBERED:
                raise _about(route, hops[-1], shared.failure) from shared.failure
            try:
                shared.session = self._connect(self._to(hops, route), timeouts)
            except Unreachable as error:
                shared.failure, shared.failed_at = error, time.monotonic()
                raise _about(route, hops[-1], error) from error
            if self._closed:
                shared.session.close()
            return shared.session

    def _chain(self, route: Route) -> tuple[Hop, ...]:
        """Put the hops before the first one, which its own configuration names, in front."""
        hops = route.hops
        while True:
            before = self._config.hop(hops[0], route).hops
            # One that would go through itself, as `Host *` makes it, is reached directly.
            if not before or before[-1].name == hops[0].name:
                return hops
            hops = (*before, *hops)
            if len(hops) > MOST_HOPS:
                cause = f"ProxyJump leads in a circle: {', '.join(map(str, hops))}"
                raise Unreachable(route.name, "ssh_config", cause, hint="see `Host *`")

    def _to(self, hops: tuple[Hop, ...], route: Route) -> Route:
        """Settle the way to the last of these hops, through those before it."""
        own = self._config.hop(hops[-1], route)
        before = hops[:-1]
        # A chain that was named wins over what its members would do alone, as it does in ssh(1).
        return replace(own, hops=before, proxy_command="" if before else own.proxy_command)


def _about(route: Route, hop: Hop, error: Unreachable) -> Unreachable:
    return Unreachable(
        route.name,
        error.step,
        f"on the way, at the jump host {hop}: {error.cause}",
        hint=error.hint,
    )
