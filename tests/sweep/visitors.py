"""
Somebody at every host who never stops asking, over mutual TLS, whatever becomes of the network.

A visitor asks from inside the host's own network, so a cable that is pulled, or packets that are
dropped on the way, are no excuse: whoever is turned away was turned away by Apache.
"""

import ctypes
import os
import ssl
import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.hosts.fleet import FleetHost
from tests.hosts.prober import INTERVAL, Observation, Prober, Response, fetch
from tests.journey.fleet_desk import FleetDesk
from tests.journey.workbench import SITE

CLONE_NEWNET = 0x40000000
A_SECOND = 40
"""How many requests all visitors together make at most: the machine has other things to do."""


def alice(directory: Path) -> ssl.SSLContext:
    """Whom every site lets in."""
    context = ssl.create_default_context(cafile=str(directory / "alice/alice.ca.pem"))
    context.load_cert_chain(directory / "alice/alice.pem", directory / "alice/alice.key")
    return context


def ask(host: FleetHost, context: ssl.SSLContext) -> Response:
    """Ask for the site of a host, on a new connection."""
    answer = fetch(f"https://{SITE}/", to=(host.address, 443), context=context, timeout=20)
    assert answer.status == 200, answer.status
    return answer


def from_within(host: FleetHost, context: ssl.SSLContext) -> Callable[[], object]:
    """What a visitor does. The thread that calls it moves into the host's network, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    inside: list[bool] = []

    def visit() -> int:
        if not inside:
            network = os.open(f"/proc/{host.pid}/ns/net", os.O_RDONLY)
            try:
                assert libc.setns(network, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            finally:
                os.close(network)
            inside.append(True)
        return ask(host, context).status

    return visit


class Visitors:
    """A prober for every host of a desk: each every 20 ms, or as often as the machine bears."""

    def __init__(self, desk: FleetDesk) -> None:
        interval = max(INTERVAL, len(desk.hosts) / A_SECOND)
        context = alice(desk.directory)
        self._probers = {
            name: Prober(from_within(host, context), interval=interval)
            for name, host in desk.hosts.items()
        }
        self._stack = ExitStack()

    @property
    def turned_away(self) -> Mapping[str, tuple[Observation, ...]]:
        """Every failure, by host."""
        found = {name: prober.failures for name, prober in self._probers.items()}
        return {name: failures for name, failures in found.items() if failures}

    @property
    def pace(self) -> str:
        """How often they really asked."""
        times = [[one.at for one in prober.observations] for prober in self._probers.values()]
        gaps = [late - soon for at in times for soon, late in pairwise(at)]
        if not gaps:
            return "once"
        count = sum(map(len, times))
        median = statistics.median(gaps)
        return f"{count} requests, one a host every {1000 * median:.0f} ms (median)"

    def __enter__(self) -> Self:
        with self._stack as stack:
            for prober in self._probers.values():
                stack.enter_context(prober)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
