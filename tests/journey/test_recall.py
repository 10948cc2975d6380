"""Hosts that are brought back because others of their run have failed: `--rollback-scope`."""

from pathlib import Path
from typing import Any

import pytest

from tests.hosts.fleet import Fleet, FleetHost
from tests.journey.fleet_desk import FleetDesk, outcomes, steps
from tests.journey.workbench import SITE, deployer

PID = "/var/run/apache2/apache2.pid"
# As row 32 of the faults has it: the configuration is good, and the server dies of its reload.
DIES = f"graceful) kill $(cat {PID}) ;;"
DIES_AND_STAYS_DEAD = f"graceful) kill $(cat {PID}) ;; start) echo no more >&2; exit 1 ;;"
DIES_THE_SECOND_TIME = f"""graceful)
    if mkdir /run/once 2>/dev/null; then exec /usr/sbin/apache2ctl.real graceful; fi
    kill $(cat {PID}) ;;
  start) echo no more >&2; exit 1 ;;"""


def wrap(host: FleetHost, cases: str) -> None:
    """Replace the command that reloads Apache by one that does something else in some cases."""
    host.exec(["mv", "/usr/sbin/apache2ctl", "/usr/sbin/apache2ctl.real"])
    script = (
        f'#!/bin/sh\ncase $1 in\n  {cases}\n  *) exec /usr/sbin/apache2ctl.real "$@" ;;\nesac\n'
    )
    host.write("/usr/sbin/apache2ctl", script, mode=0o755)


def unwrap(host: FleetHost) -> None:
    host.exec(["mv", "/usr/sbin/apache2ctl.real", "/usr/sbin/apache2ctl"])


def live(desk: FleetDesk) -> dict[str, str]:
    """The name of the live release of each host."""
    return {
        name: host.exec(["readlink", f"{host.layout.root}/current"]).stdout.decode().strip()[9:]
        for name, host in desk.hosts.items()
    }


def ending(events: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = (one for one in events if one["event"] == "host" and one["host"] == name)
    return found


@pytest.fixture
def two(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(2))
    desk.apply()
    return desk


@pytest.fixture
def three(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(3))
    desk.apply()
    return desk


@pytest.mark.fault(32)
def test_all_that_a_run_has_changed_goes_back_when_a_host_fails_after_its_switch(
    two: FleetDesk,
) -> None:
    before = live(two)
    wrap(two.hosts["web2"], DIES)
    two.write(hsts=True)
    note = 'echo "$DEPLOYER_HOOK $DEPLOYER_HOST $DEPLOYER_OUTCOME" >>told'
    with (two.directory / "deployer.toml").open("a") as settings:
        settings.write(f"[hooks]\nbefore_host = '{note}'\nafter_host = '{note}'\n")

    events = two.apply("--serial", "1", "--rollback-scope", "run", status=2)

    assert outcomes(events) == {"web1": "rolled_back", "web2": "rolled_back"}
    assert live(two) == before
    assert ending(events, "web1")["summary"] == (
        f"brought back to {before['web1']}: web2 was rolled back"
    )
    assert (two.directory / "told").read_text().splitlines() == [
        "before_host web1 ",
        "after_host web1 changed",
        "before_host web2 ",
        "after_host web2 rolled_back",
        # The way back is a switch like any other.
        "before_host web1 ",
        "after_host web1 rolled_back",
    ]
    # What is on record is what hosts have.
    two.write(hsts=False)
    deployer(two.directory, "render", "-D", "--detailed-exitcode")


@pytest.mark.slow
def test_a_batch_goes_back_alone_and_none_begins_after_it(three: FleetDesk) -> None:
    before = live(three)
    wrap(three.hosts["web2"], DIES)
    three.write(hsts=True)

    events = three.apply("--serial", "1", "--rollback-scope", "batch", status=2)

    assert outcomes(events) == {"web1": "changed", "web2": "rolled_back", "web3": "skipped"}
    assert live(three)["web1"] != before["web1"]

    # The other way round: web1 is in the batch that fails, at the same time.
    options = ("--serial", "3", "--rollback-scope", "batch", "--processes", "2")
    events = three.apply(*options, status=2)
    assert outcomes(events) == {"web1": "unchanged", "web2": "rolled_back", "web3": "rolled_back"}
    assert live(three)["web3"] == before["web3"]
    assert steps(events, "roll back")


@pytest.mark.slow
def test_a_budget_that_is_broken_before_any_switch_brings_a_run_back_as_well(
    three: FleetDesk,
) -> None:
    before = live(three)
    three.write(hsts=True)
    three.hosts["web3"].write("/etc/apache2/sites-enabled/broken.conf", "Bogus on\n")

    options = ("--rollback-scope", "run", "--any-errors-fatal")
    events = three.apply("-f", "1", *options, status=2)

    assert outcomes(events)["web3"] == "failed"
    assert "changed" not in outcomes(events).values()
    assert live(three) == before


@pytest.mark.slow
def test_a_host_without_an_earlier_release_stays_and_says_so(
    fleet: Fleet, tmp_path: Path, founded: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(2))
    wrap(desk.hosts["web2"], DIES)

    events = desk.apply("--serial", "1", "--rollback-scope", "run", status=2)

    assert outcomes(events) == {"web1": "changed", "web2": "rolled_back"}
    assert "it had no release before this run" in ending(events, "web1")["unproven"]


@pytest.mark.fault(38)
def test_a_rollback_that_fails_halts_the_run_and_says_what_to_do_by_hand(
    two: FleetDesk,
) -> None:
    before = live(two)
    wrap(two.hosts["web1"], DIES_AND_STAYS_DEAD)
    two.write(hsts=True)

    events = two.apply("--serial", "1", "--max-fail", "2", status=3)

    assert outcomes(events) == {"web1": "needs_hands", "web2": "skipped"}
    assert ending(events, "web2")["summary"] == "not begun: web1 needs hands"
    assert steps(events, "activate") == [("web1", "activate", False)]
    hint = ending(events, "web1")["hint"]
    assert "tail /var/lib/deployer/journal; (. /etc/apache2/envvars; /usr/sbin/apache2 -t)" in hint
    assert "apache2ctl start" in hint
    # The steps by hand are what they say: the configuration is good, and a rollback starts it.
    test = hint.partition("journal; ")[2].partition("; when")[0]
    two.hosts["web1"].exec(["sh", "-c", test])
    unwrap(two.hosts["web1"])
    back = ("rollback", "--yes", "web1", "--to", before["web1"])
    assert outcomes(two.events(*back)) == {"web1": "changed"}
    assert SITE in two.hosts["web1"].exec(["sh", "-c", "apache2ctl -S 2>&1"]).stdout.decode()
    two.hosts["web1"].exec(["sh", "-c", f"kill -0 $(cat {PID})"])


@pytest.mark.slow
@pytest.mark.fault(38)
def test_a_host_that_cannot_be_brought_back_needs_hands(three: FleetDesk) -> None:
    wrap(three.hosts["web1"], DIES_THE_SECOND_TIME)
    wrap(three.hosts["web2"], DIES)
    three.write(hsts=True)

    events = three.apply("--serial", "1", "--rollback-scope", "run", status=3)

    assert outcomes(events) == {"web1": "needs_hands", "web2": "rolled_back", "web3": "skipped"}
    assert ending(events, "web1")["summary"].startswith("on the way back: activate: Apache did not")
