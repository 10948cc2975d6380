"""A plan that was saved is carried out exactly, or refused."""

from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet
from tests.journey.fleet_desk import FleetDesk, outcomes
from tests.journey.workbench import deployer


@pytest.fixture
def two(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    return FleetDesk(tmp_path / "project", founded, fleet.hosts(2))


def save(desk: FleetDesk) -> str:
    said = deployer(desk.directory, "plan", "-o", "change.plan", "--limit", "web*").stderr
    assert "saved: deployer apply change.plan does this, or nothing" in said
    return (desk.directory / "change.plan").read_text()


def apply_saved(desk: FleetDesk, *options: str, status: int = 0) -> str:
    arguments = ("apply", "change.plan", "--passphrase-file", "passphrase", *options)
    done = deployer(desk.directory, *arguments, status=status)
    return f"{done.stdout}{done.stderr}"


def test_what_was_planned_is_done_without_asking_and_only_once(two: FleetDesk) -> None:
    text = save(two)
    assert "PRIVATE" not in text

    said = apply_saved(two)
    again = apply_saved(two, status=1)

    assert said.count("  changed  ") == 2
    assert "is stale for web1, web2" in again
    assert "plan again" in again


@pytest.mark.fault(51, how="the inventory changed in between")
def test_a_plan_is_stale_when_the_inventory_has_changed(two: FleetDesk) -> None:
    save(two)
    two.write(hsts=True)

    assert "is stale for web1, web2" in apply_saved(two, status=1)
    assert outcomes(two.apply()) == {"web1": "changed", "web2": "changed"}


@pytest.mark.fault(51, how="another run in between")
@pytest.mark.slow
def test_a_plan_is_stale_when_somebody_else_was_there(two: FleetDesk) -> None:
    two.apply()
    two.write(hsts=True)
    save(two)
    two.write(hsts=False)
    two.events("rotate", "web2", "--yes", "--passphrase-file", "passphrase")
    two.write(hsts=True)

    assert "is stale for web2\n" in apply_saved(two, status=1)


@pytest.mark.slow
def test_a_host_that_cannot_be_reached_by_then_keeps_nobody_else_waiting(two: FleetDesk) -> None:
    save(two)
    two.hosts["web2"].unplug()

    said = apply_saved(two, "-T", "0.5", status=4)

    assert "web1  changed" in said
    assert "web2  unreachable" in said


def test_a_saved_plan_names_its_hosts_itself(two: FleetDesk) -> None:
    save(two)

    assert "names its hosts itself" in apply_saved(two, "--limit", "web1", status=5)
