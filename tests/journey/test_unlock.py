"""`runs unlock`: who holds hosts, and taking them from a run that has died."""

import re

import pytest

from deployer.result import Outcome, Step
from tests.journey.paused import apply_paused_at
from tests.journey.test_two_controllers import changing, elsewhere
from tests.journey.workbench import Workbench

__all__ = ["changing"]


def test_nobody_is_taken_for_the_holder_of_a_free_host(live_desk: Workbench) -> None:
    assert "no run holds any of these hosts" in live_desk.deployer("runs", "unlock").stderr


@pytest.mark.fault(49, 50, how="a run that waits while `runs unlock` takes its host")
def test_a_host_is_taken_from_a_run_which_is_refused_when_it_wakes_up(changing: Workbench) -> None:
    colleague = elsewhere(changing)

    with apply_paused_at(Step.ACTIVATE) as sleeper:
        asked = colleague.deployer("runs", "unlock", status=5)
        assert "HELD BY" in asked.stdout
        assert ": apply, with deployer" in asked.stdout
        assert "--yes when you are sure that these runs have ended" in asked.stderr
        colleague.apply(status=75)

        unlocked = colleague.deployer("runs", "unlock", "--yes")
        assert "web1: free" in unlocked.stderr
        colleague.apply()

    assert [one.outcome for one in sleeper] == [Outcome.SKIPPED]
    assert "another run has been here" in sleeper[0].summary


@pytest.mark.slow
def test_plan_and_status_say_calmly_who_is_at_work(changing: Workbench) -> None:
    colleague = elsewhere(changing)

    with apply_paused_at(Step.ACTIVATE):
        planned = colleague.deployer("plan")
        (plan,) = colleague.events("plan", "plan")
        # Critical: what the inventory says by now is not what is served.
        seen = colleague.deployer("status", status=9)
        (site,) = colleague.events("site", "status", status=9)

    (line,) = [line for line in planned.stderr.splitlines() if ": held by " in line]
    assert re.fullmatch(
        r"web1: held by .*, run \d+: apply, with deployer \S+, last heard of \d+ s ago", line
    )
    assert "web1: held by " in seen.stderr
    for event in (plan, site):
        assert ": apply, with deployer" in event["held"]["by"]
        assert 0 <= event["held"]["silent"] < 120
        assert event["held"]["in_flight"] is False
    assert [event["held"] for event in colleague.events("plan", "plan")] == [None]


@pytest.mark.slow
def test_a_switch_in_flight_is_left_to_end_by_itself(changing: Workbench) -> None:
    colleague = elsewhere(changing)

    with apply_paused_at(Step.CONFIRM) as first:
        said = colleague.deployer("runs", "unlock", "--yes", status=75)
        assert "has a switch in flight here" in said.stderr

    assert [one.outcome for one in first] == [Outcome.CHANGED]
