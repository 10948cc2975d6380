"""Two operators at one host: one works, the other is told who, waits, or comes too late."""

import copy
import shutil
import threading

import pytest

from deployer.result import Outcome, Step
from tests.journey.paused import apply_paused_at
from tests.journey.workbench import Workbench


@pytest.fixture
def changing(live_desk: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """Something is to be changed on a host that is live."""
    monkeypatch.chdir(live_desk.directory)
    live_desk.vhosts = [live_desk.site(client_auth={"verify": "optional"})]
    live_desk.write_inventory()
    return live_desk


def test_a_second_run_with_one_state_is_told_of_the_first_and_touches_nothing(
    changing: Workbench,
) -> None:
    with apply_paused_at(Step.STAGE) as first:
        second = changing.apply(status=75)

    assert ": apply (process " in second.stderr
    assert "--lock-timeout" in second.stderr
    assert [one.outcome for one in first] == [Outcome.CHANGED]
    assert changing.curl().stdout == "200"


def test_it_waits_for_the_first_if_it_may(changing: Workbench) -> None:
    with apply_paused_at(Step.CONFIRM) as first:
        ended: list[object] = []
        waits = ("--lock-timeout", "60s")
        waiting = threading.Thread(target=lambda: ended.append(changing.apply(*waits)))
        waiting.start()
        waiting.join(timeout=1)
        assert not ended
    waiting.join(timeout=60)

    assert [one.outcome for one in first] == [Outcome.CHANGED]
    assert len(ended) == 1
    assert [one["outcome"] for one in changing.events("host", "apply")] == ["unchanged"]


@pytest.mark.parametrize(
    "step", [Step.REHEARSE, pytest.param(Step.PROBE, marks=pytest.mark.slow), Step.CONFIRM]
)
def test_a_host_that_one_state_is_at_work_on_is_left_alone_by_another(
    changing: Workbench, step: Step
) -> None:
    other = elsewhere(changing)

    with apply_paused_at(step) as first:
        second = other.apply(status=75)

    assert "skipped" in second.stdout
    held = "awaits its confirmation" if step is not Step.REHEARSE else ": apply, with deployer"
    assert held in second.stderr
    assert [one.outcome for one in first] == [Outcome.CHANGED]
    assert changing.curl().stdout == "200"


def test_whoever_looked_before_another_came_and_went_is_refused(changing: Workbench) -> None:
    other = elsewhere(changing)
    other.vhosts = [changing.site(client_auth={"verify": "none"})]
    other.write_inventory()

    with apply_paused_at(Step.STAGE) as first:
        other.apply()

    assert [one.outcome for one in first] == [Outcome.SKIPPED]
    assert "another run has been here since this one looked" in first[0].summary
    assert changing.curl().stdout == "200", "what the other run brought serves"


def elsewhere(desk: Workbench) -> Workbench:
    """The same project and the same CA on the computer of a colleague."""
    other = copy.copy(desk)
    other.directory = desk.directory.with_name("elsewhere")
    shutil.copytree(desk.directory, other.directory)
    return other
