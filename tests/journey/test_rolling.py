"""Runs over several real hosts: in batches, and stopped when too many fail."""

from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet
from tests.journey.fleet_desk import FleetDesk, outcomes, steps
from tests.journey.test_signals import begins, running
from tests.sweep import promises
from tests.sweep.damage import SESSIONS

BROKEN = {"/etc/apache2/sites-enabled/broken.conf": "Bogus\n"}


@pytest.fixture
def two(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    return FleetDesk(tmp_path / "project", founded, fleet.hosts(2))


@pytest.fixture
def three(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    return FleetDesk(tmp_path / "project", founded, fleet.hosts(3))


def has_a_release(desk: FleetDesk, name: str) -> bool:
    root = desk.hosts[name].layout.root
    return desk.hosts[name].exec(["test", "-e", f"{root}/current"], check=False).status == 0


def is_held(desk: FleetDesk, name: str) -> bool:
    state = desk.hosts[name].layout.state_dir
    return desk.hosts[name].exec(["sh", "-c", f"ls {state}/lease.*"], check=False).status == 0


def test_everything_lies_ready_before_the_first_batch_is_switched(three: FleetDesk) -> None:
    events = three.apply("--serial", "1,2", "--soak", "0.2s", "--order", "reverse_inventory")

    assert set(outcomes(events).values()) == {"changed"}
    told = steps(events, "rehearse", "activate", "confirm", "soak")
    first_switch = told.index(("web3", "activate", False))
    assert [one for one, step, ended in told[:first_switch] if step == "rehearse" and ended]
    assert not [step for _, step, _ in told[first_switch:] if step == "rehearse"]
    # The first host is confirmed, and has had its time, before the others begin.
    assert told[first_switch : first_switch + 6] == [
        ("web3", "activate", False),
        ("web3", "activate", True),
        ("web3", "confirm", False),
        ("web3", "confirm", True),
        ("controller", "soak", False),
        ("controller", "soak", True),
    ]
    assert told.count(("controller", "soak", True)) == 1


def test_a_host_whose_connection_ends_while_it_waits_gets_another(two: FleetDesk) -> None:
    with running(two, "--serial", "1", "--soak", "3s") as run:
        run.read_until(begins("controller", "soak"))
        two.hosts["web2"].exec(["sh", "-c", SESSIONS])
        status, said = run.end()

    assert (status, said) == (0, "")
    assert outcomes(run.events) == {"web1": "changed", "web2": "changed"}


def test_a_canary_that_fails_stops_the_run_before_anything_else_begins(
    fleet: Fleet, tmp_path: Path, founded: Path
) -> None:
    hosts = [*fleet.hosts(2), fleet.host(apache="stopped", files=BROKEN)]
    desk = FleetDesk(tmp_path / "project", founded, hosts)

    events = desk.apply("--canary", "web3", status=2)

    assert outcomes(events) == {"web1": "skipped", "web2": "skipped", "web3": "failed"}
    assert not has_a_release(desk, "web1")
    skipped = next(event for event in events if event.get("outcome") == "skipped")
    assert skipped["summary"] == "not begun: the canary web3 has failed"


@pytest.mark.fault(1, how="a host's network cable is pulled")
def test_a_host_that_cannot_be_reached_has_failed(three: FleetDesk) -> None:
    three.hosts["web2"].unplug()

    events = three.apply("--any-errors-fatal", "-T", "0.5", status=4)

    assert outcomes(events) == {"web1": "skipped", "web2": "unreachable", "web3": "skipped"}
    assert not has_a_release(three, "web1")
    assert promises.issued(three.directory / ".deployer") == 0, "for nobody"


@pytest.mark.fault(1, how="a host's network cable is pulled")
def test_failures_within_the_limit_stop_nobody(three: FleetDesk) -> None:
    three.hosts["web1"].unplug()

    events = three.apply("--serial", "2", "--max-fail-percentage", "50", "-T", "0.5", status=4)
    assert outcomes(events) == {"web1": "unreachable", "web2": "changed", "web3": "changed"}

    three.write(hsts=True)
    again = three.apply("--serial", "2", "--max-fail-percentage", "49", "-T", "0.5", status=4)
    assert outcomes(again) == {"web1": "unreachable", "web2": "changed", "web3": "skipped"}
    # A release lay ready there, for which the host was held.
    assert not is_held(three, "web3")


def test_without_batches_the_number_of_failures_stops_a_run_as_well(three: FleetDesk) -> None:
    three.hosts["web1"].unplug()

    events = three.apply("--max-fail", "0", "-T", "0.5", status=4)

    assert outcomes(events) == {"web1": "unreachable", "web2": "skipped", "web3": "skipped"}
