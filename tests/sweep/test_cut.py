"""The connection to a host is cut at every step of a run, and the host goes on alone."""

import pytest

from deployer.result import Step
from tests.journey.fleet_desk import APPLY, outcomes
from tests.sweep import promises
from tests.sweep.conftest import DeskOf
from tests.sweep.damage import CUTS, Cut, cutter, mend
from tests.sweep.disk import look
from tests.sweep.promises import Promises
from tests.sweep.sabotage import CONFIRM_TIMEOUT, WENT_ON, again, next_age, sabotaged
from tests.sweep.visitors import Visitors

OF_A_CONNECTION = (
    Step.OBSERVE,
    Step.CHECK,
    Step.STAGE,
    Step.REHEARSE,
    Step.ACTIVATE,
    Step.PROBE,
    Step.CONFIRM,
)


def cases() -> list[object]:
    found: list[object] = []
    for kind in CUTS:
        for step in OF_A_CONNECTION:
            for moment in ("begin", "during", "end"):
                name = f"{kind}-{step}-{moment}"
                found.append(pytest.param(kind, step, moment, id=name))
    return found


@pytest.mark.fault(8, 39, how="SSH reset, dropped, unplugged or its session killed at each step")
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "step", "moment"), cases())
def test_a_connection_that_is_cut_leaves_its_host_wholly_old_or_wholly_new(
    desk_of: DeskOf, kind: Cut, step: Step, moment: str
) -> None:
    desk = desk_of(3)
    before = {name: look(host) for name, host in desk.hosts.items()}
    old = {name: promises.age_of(disk) for name, disk in before.items()}
    new = f"max-age={next_age(before)}"
    desk.write(hsts=next_age(before))
    checker = Promises(desk)
    options = (*APPLY, "--json", "-T", "5", "--confirm-timeout", CONFIRM_TIMEOUT)

    with Visitors(desk) as visitors:
        act = cutter(desk, kind)
        try:
            done = sabotaged(desk.directory, step, moment, 2, act, *options)
            alone = checker.settled()
        finally:
            mend(desk.hosts.values())
        checker.check(visitors)
        again(desk)
        checker.check(visitors)

    told = outcomes(promises.said(done.stdout))
    assert done.returncode in {0, 2, 4, 6}, done.stderr
    assert sum(outcome in WENT_ON for outcome in told.values()) >= 2
    for name, outcome in told.items():
        age = promises.age_of(alone[name])
        assert age in {old[name], new}
        if outcome == "changed":
            assert age == new, "P7"
        elif outcome in {"failed", "rolled_back", "unreachable"}:
            assert age == old[name]
