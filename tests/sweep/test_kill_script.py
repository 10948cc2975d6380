"""
The script on a host is killed at every line of its journal, with a controller at the other end.

Lines that no good run writes, and every single command of the scripts, are for tests/host.
"""

import signal

import pytest

from deployer.result import HostStep, Step
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.sweep import promises
from tests.sweep.conftest import DeskOf
from tests.sweep.damage import mend, plan_a_kill
from tests.sweep.disk import look
from tests.sweep.kills import kills_the_script_at
from tests.sweep.promises import Promises
from tests.sweep.sabotage import CONFIRM_TIMEOUT, WENT_ON, again, next_age, sabotaged
from tests.sweep.visitors import Visitors

OF_A_GOOD_RUN = (
    HostStep.LEASED,
    HostStep.STAGED,
    HostStep.REHEARSED,
    HostStep.ARMED,
    HostStep.SWITCHED,
    HostStep.RELOADED,
    HostStep.CONFIRMED,
)
VICTIM = "web2"


@pytest.fixture
def desk(desk_of: DeskOf) -> FleetDesk:
    return desk_of(3)


@pytest.mark.fault(44, how="SIGKILL of the host's script at each line of its journal")
@kills_the_script_at(OF_A_GOOD_RUN)
@pytest.mark.timeout(600)
def test_a_script_that_is_killed_leaves_its_host_wholly_old_or_wholly_new(
    desk: FleetDesk, step: HostStep, moment: str
) -> None:
    before = {name: look(host) for name, host in desk.hosts.items()}
    old, new = promises.age_of(before[VICTIM]), f"max-age={next_age(before)}"
    desk.write(hsts=next_age(before))
    plan_a_kill(desk.hosts[VICTIM], step, moment)
    checker = Promises(desk)

    with Visitors(desk) as visitors:
        events = desk.apply("--confirm-timeout", CONFIRM_TIMEOUT, status=2)
        after = checker.check(visitors)
        mend(desk.hosts.values())
        again(desk)
        checker.check(visitors)

    told = outcomes(events)
    assert told.pop(VICTIM) in {"failed", "unknown"}
    assert set(told.values()) <= WENT_ON
    lasting = step is HostStep.CONFIRMED
    assert promises.age_of(after[VICTIM]) == (new if lasting else old)


@pytest.mark.fault(44, how="SIGKILL of the controller, and of the undo that its host began")
@kills_the_script_at([HostStep.UNDOING, HostStep.ROLLED_BACK])
@pytest.mark.timeout(600)
def test_an_undo_of_the_timer_that_is_killed_is_finished_by_the_next_run(
    desk: FleetDesk, step: HostStep, moment: str
) -> None:
    desk.write(hsts=next_age({name: look(host) for name, host in desk.hosts.items()}))
    for host in desk.hosts.values():
        plan_a_kill(host, step, moment)

    with Visitors(desk) as visitors:
        options = (*APPLY, "--confirm-timeout", CONFIRM_TIMEOUT)
        done = sabotaged(desk.directory, Step.PROBE, "end", 2, "kill", *options)
        promises.alone(desk)
        mend(desk.hosts.values())
        again(desk)
        Promises(desk).check(visitors)

    assert done.returncode == -signal.SIGKILL
