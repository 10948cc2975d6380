"""Desks with several hosts, for whole modules: a host takes a second to start."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet
from tests.journey.conftest import founded
from tests.journey.fleet_desk import FleetDesk
from tests.sweep.sabotage import applied

__all__ = ["founded"]

DeskOf = Callable[[int], FleetDesk]


@pytest.fixture(scope="module")
def desk_of(
    fleet: Fleet, founded: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DeskOf]:
    """Make a desk with so many hosts, all of them live; there is one at a time."""
    open_desks: dict[int, FleetDesk] = {}

    def make(count: int) -> FleetDesk:
        if count not in open_desks:
            close()
            directory = tmp_path_factory.mktemp(f"desk{count}") / "project"
            desk = FleetDesk(directory, founded, fleet.hosts(count))
            desk.write(hsts=1)
            applied(desk)
            open_desks[count] = desk
        return open_desks[count]

    def close() -> None:
        for desk in open_desks.values():
            for host in desk.hosts.values():
                host.kill()
        open_desks.clear()

    yield make
    close()
