"""A host key that fits is not yet the host that was meant."""

from pathlib import Path

import pytest

from tests.faults.inventory import change
from tests.hosts.fleet import Fleet
from tests.journey.fleet_desk import FleetDesk, outcomes


@pytest.mark.fault(16)
def test_hosts_that_changed_places_are_refused_until_that_is_meant(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(2))
    desk.apply()
    desk.write(hsts=True)
    one, two = desk.hosts.values()
    live = [host.exec(["readlink", f"{host.layout.root}/current"]).stdout for host in (one, two)]
    change(desk.directory, "web1", ansible_host=two.address)
    change(desk.directory, "web2", ansible_host=one.address)

    planned = desk.events("plan", status=2)
    applied = desk.apply(status=2)

    for events in (planned, applied):
        assert outcomes(events) == {"web1": "failed", "web2": "failed"}
        told = next(event for event in events if event["event"] == "host")
        assert "this is the machine of web2" in told["summary"]
        assert "deployer apply web1 --overwrite-drift" in told["hint"]
    assert live == [
        host.exec(["readlink", f"{host.layout.root}/current"]).stdout for host in (one, two)
    ]
    assert outcomes(desk.apply("--overwrite-drift")) == {"web1": "changed", "web2": "changed"}
    assert set(outcomes(desk.apply()).values()) == {"unchanged"}
