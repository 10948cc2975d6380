"""What was done: `runs list`, `runs show`, and what an interrupted run has left."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.result import Step
from tests.hosts.fleet import Fleet
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.journey.workbench import Workbench, deployer
from tests.sweep.sabotage import sabotaged


def test_runs_are_on_record_with_every_host_and_every_step(
    fleet: Fleet, tmp_path: Path, founded: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(2))
    desk.hosts["web2"].unplug()
    desk.apply("-T", "0.5", status=4)

    listed = deployer(desk.directory, "runs", "list").stdout.splitlines()
    shown = deployer(desk.directory, "runs", "show")
    steps = deployer(desk.directory, "runs", "show", "1", "--host", "web1").stdout
    (line,) = desk.events("runs", "list")[1:]

    assert listed[0].split() == ["RUN", "BEGUN", "BY", "COMMAND", "ENDED", "HOSTS"]
    assert listed[1].endswith("apply    status 4  1 changed, 1 unreachable")
    assert "web1  changed" in shown.stdout
    assert "web2  unreachable" in shown.stdout
    assert "web2: connect" in shown.stderr
    assert [word for word in ("observe", "stage", "rehearse", "confirm") if word in steps] == [
        *("observe", "stage", "rehearse", "confirm")
    ]
    assert {name: host["outcome"] for name, host in line["hosts"].items()} == {
        "web1": "changed",
        "web2": "unreachable",
    }

    desk.hosts["web2"].plug()
    again = desk.apply("--rerun", "unreachable")
    assert outcomes(again) == {"web2": "changed"}
    nothing = deployer(desk.directory, "apply", "--yes", "--rerun", "failed").stderr
    assert "no host ended failed in the last run" in nothing


def test_what_failed_is_not_forgotten_by_a_run_that_came_to_no_host(
    fleet: Fleet, tmp_path: Path, founded: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(2))
    desk.hosts["web2"].unplug()
    desk.apply("-T", "0.5", status=4)
    desk.hosts["web2"].plug()
    (desk.directory / "wrong").write_text("another passphrase\n")

    refused = deployer(
        desk.directory,
        *("apply", "--yes", "--passphrase-file", "wrong", "--rerun", "unreachable"),
        status=1,
    )
    again = desk.apply("--rerun", "unreachable")

    assert "passphrase" in refused.stderr
    assert outcomes(again) == {"web2": "changed"}


@pytest.mark.fault(44, how="SIGKILL before the confirmation")
def test_the_next_run_says_what_a_killed_one_has_left_and_goes_on_at_once(
    live_desk: Workbench,
) -> None:
    desk = live_desk
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()
    killed = sabotaged(
        desk.directory, Step.CONFIRM, "begin", 1, "kill", *APPLY, "--confirm-timeout", "3"
    )
    assert killed.returncode == -signal.SIGKILL

    again = desk.apply()

    assert "was cut off with web1 in flight" in again.stderr
    assert desk.curl().stdout == "200"
    runs = [
        json.loads(line)
        for line in desk.deployer("runs", "list", "--json").stdout.split("\n")[1:]
        if line
    ]
    assert [run["ending"] for run in runs[:2]] == ["status 0", "cut off"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one page: a file of 4 KiB, and it is full."""
    directory = tmp_path / "project" / ".deployer" / "runs"

    yield directory
    subprocess.run(["umount", str(directory)], check=True)


@pytest.mark.fault(46, how="a tmpfs of one page for the log")
@pytest.mark.fleet
@pytest.mark.fault(46)
def test_a_run_whose_log_cannot_be_written_begins_no_other_host(
    fleet: Fleet, tmp_path: Path, founded: Path, small_disk: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(3))
    small_disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(small_disk)], check=True)

    events = desk.apply("--serial", "1", status=2)

    became = outcomes(events)
    assert became["web3"] == "skipped"
    assert set(became.values()) <= {"changed", "skipped"}
    (reason,) = {event["summary"] for event in events if event.get("outcome") == "skipped"}
    assert reason.startswith("not begun: the log of the run cannot be written: ")
    for name, host in desk.hosts.items():
        current = host.exec(["readlink", f"{host.layout.root}/current"], check=False).status == 0
        assert current == (became[name] == "changed")
