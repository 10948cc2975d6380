"""
Heartbeat: the leases of hosts on which a release lies ready, kept while they wait for their turn.

A soak may last for hours, and a lease without a sign of life for two minutes.
"""

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from deployer.fleet.executor import Executor, in_parallel
from deployer.result import Event
from deployer.workflows.leases import Renew

PERIOD = 40.0
"""Seconds between two signs of life: two may get lost before a lease ends."""


class Heartbeat:
    """Renews leases in a thread of its own, as long as the block lasts."""

    def __init__(
        self,
        executor: Executor,
        waiting: Callable[[], Iterable[Renew]],
        *,
        forks: int,
        period: float = PERIOD,
    ) -> None:
        """Ask `waiting` each time for which hosts."""
        self._executor = executor
        self._waiting = waiting
        self._forks = forks
        self._period = period
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def _beat(self) -> None:
        while not self._over.wait(self._period):
            # Whoever has lost its lease is told so by the host when its turn comes.
            for _ in in_parallel(
                self._executor, self._waiting(), forks=self._forks, listen=_nobody
            ):
                if self._over.is_set():
                    break

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()


def _nobody(_: Event) -> None:
    """Keep signs of life to oneself."""
