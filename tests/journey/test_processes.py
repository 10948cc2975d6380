"""`--processes`: hosts shared out among processes, and nothing else that is different."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.journey.workbench import command

IN_TWO = ("--processes", "2")


@pytest.fixture
def desk(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    return FleetDesk(tmp_path / "project", founded, fleet.hosts(2))


def test_a_run_in_two_processes_does_what_one_would(desk: FleetDesk) -> None:
    first = desk.apply(*IN_TWO)
    assert outcomes(first) == {"web1": "changed", "web2": "changed"}
    assert {event["step"] for event in first if event["event"] == "step"} >= {
        "observe", "stage", "rehearse", "activate", "probe", "confirm",
    }  # fmt: skip

    assert outcomes(desk.apply(*IN_TWO)) == {"web1": "unchanged", "web2": "unchanged"}
    sites = [one for one in desk.events("status", *IN_TWO) if one["event"] == "site"]
    assert {one["health"] for one in sites} == {"ok"}

    desk.hosts["web2"].unplug()
    left = desk.apply(*IN_TWO, "--timeout", "2", status=4)
    assert outcomes(left) == {"web1": "unchanged", "web2": "unreachable"}


def test_its_processes_end_with_it_however_it_ends(desk: FleetDesk) -> None:
    desk.hosts["web1"].exec(["sh", "-c", "kill -STOP $(pgrep -o sshd)"])
    running = subprocess.Popen(
        command(*APPLY, *IN_TWO),
        cwd=desk.directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    workers = children(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(timeout=30)

    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, workers
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """Wait for a process to have two children, and return their pids."""
    deadline = time.monotonic() + 60
    while True:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(found) == 2:
            return [int(one) for one in found]
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
