"""Type a command to which something happens at a step, or which is typed again."""

import os
import subprocess
import sys
from pathlib import Path

from deployer.result import Step
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.journey.workbench import command
from tests.sweep import promises
from tests.sweep.disk import Disk

AT_STEP = Path(__file__).with_name("at_step.py")
PATIENCE = 300
"""Seconds in which a run ends, whatever happens to it (P11), on a busy machine."""
CONFIRM_TIMEOUT = "4"
"""Short, for hosts that nobody will confirm; on a busy machine others may miss it as well."""
WENT_ON = {"changed", "rolled_back"}
"""What becomes of the hosts to which nothing happened: at worst their confirmation came late."""


def sabotaged(
    directory: Path, step: Step, moment: str, number: int, act: str, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Type a command to which something happens at a step, and wait for its end."""
    return subprocess.run(
        at_step(step, moment, number, act, *arguments),
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def at_step(step: Step, moment: str, number: int, act: str, *arguments: str) -> list[str]:
    return [sys.executable, str(AT_STEP), step, moment, str(number), act, *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(Path.cwd())}


def applied(desk: FleetDesk, *options: str) -> "subprocess.CompletedProcess[str]":
    """Apply, with all the time that many hosts on a busy machine may take."""
    done = subprocess.run(
        command(*APPLY, "--json", *options),
        cwd=desk.directory,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def again(desk: FleetDesk, *, issues: int = 0) -> None:
    """P8: the same command converges, and issues no more than it must."""
    before = promises.issued(desk.directory / ".deployer")
    events = promises.said(applied(desk).stdout)
    assert set(outcomes(events).values()) <= {"changed", "unchanged"}
    assert promises.issued(desk.directory / ".deployer") - before <= issues, "P8"


def next_age(disks: dict[str, Disk]) -> int:
    """Another age for the HSTS header, by which the next release is told from this one."""
    ages = [promises.age_of(disk) or "max-age=0" for disk in disks.values()]
    return max(int(age.partition("=")[2]) for age in ages) + 1
