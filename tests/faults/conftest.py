"""A CA to start from, as in the journeys, and desks for faults that take a whole host."""

import pytest

from tests.hosts.fleet import FleetHost
from tests.journey.conftest import desk, founded, live_desk
from tests.journey.workbench import Workbench

__all__ = ["desk", "founded", "live_desk"]


@pytest.fixture
def any_host(fleet_host: FleetHost) -> FleetHost:
    """The host of the desks."""
    return fleet_host


@pytest.fixture
def changing(live_desk: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A host that lets in the certified alone, and is to let in everybody."""
    monkeypatch.chdir(live_desk.directory)
    live_desk.vhosts = [live_desk.site(client_auth={"verify": "optional"})]
    live_desk.write_inventory()
    return live_desk
