"""
A random schedule of faults over twenty hosts, after each of which every promise is checked.

A minute in the normal run, with a new seed each time. `DEPLOYER_SCHEDULE_SECONDS=3600` for a night,
`DEPLOYER_SCHEDULE_SEED=42` for the schedule that failed; what fails prints its seed.
"""

import itertools
import os
import secrets
import sys
import time
from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet
from tests.journey.fleet_desk import FleetDesk
from tests.sweep.operations import KINDS, operations
from tests.sweep.sabotage import applied
from tests.sweep.storm import ROOM, Storm
from tests.sweep.visitors import Visitors

HOSTS = 20
SECONDS = float(os.environ.get("DEPLOYER_SCHEDULE_SECONDS", "60"))
NAMES = [f"web{number}" for number in range(1, HOSTS + 1)]


def seed_of_this_run() -> int:
    """A new one each time, unless somebody wants one again."""
    return int(os.environ.get("DEPLOYER_SCHEDULE_SEED") or secrets.randbelow(1_000_000))


def test_a_seed_gives_one_schedule_with_every_kind_of_fault_in_it() -> None:
    first, second, other = (
        list(itertools.islice(operations(seed, NAMES), 3 * len(KINDS))) for seed in (7, 7, 8)
    )

    assert first == second
    assert first != other
    assert {one.kind for one in first[: len(KINDS)]} == set(KINDS)


@pytest.mark.fault(70, how="faults drawn from a seed, over 20 hosts")
@pytest.mark.timeout(SECONDS + 1200)
def test_whatever_happens_in_whatever_order_the_promises_hold(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    seed = seed_of_this_run()
    so_far = [f"to see it again: DEPLOYER_SCHEDULE_SEED={seed}"]
    # Room for a few releases' worth of state, so that a disk is soon full.
    desk = FleetDesk(
        tmp_path / "project", founded, fleet.hosts(HOSTS, tmpfs={"/var/lib/deployer": ROOM})
    )
    desk.write(hsts=1)
    applied(desk)
    try:
        with Visitors(desk) as visitors:
            storm = Storm(desk)
            over = time.monotonic() + SECONDS
            for operation in operations(seed, NAMES):
                if time.monotonic() > over:
                    break
                so_far.append(str(operation))
                storm.happens(operation, visitors)
            so_far.append("the end")
            storm.ends(visitors)
    except Exception as error:
        error.add_note("\n".join(so_far))
        raise
    finally:
        for host in desk.hosts.values():
            host.kill()
    # Shown by `pytest -rP`.
    sys.stdout.write("\n".join([*so_far, visitors.pace, ""]))
