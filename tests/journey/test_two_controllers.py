"""Two operators at one host: one works, the other is told who."""

import pytest

from deployer.result import Outcome, Step
from tests.journey.paused import apply_paused_at
from tests.journey.workbench import Workbench


@pytest.mark.parametrize("step", [Step.PROBE, Step.CONFIRM])
def test_a_host_in_the_middle_of_a_switch_is_left_to_whoever_began_it(
    live_desk: Workbench, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    desk = live_desk
    monkeypatch.chdir(desk.directory)
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()

    with apply_paused_at(step) as first:
        second = desk.apply(status=75)

    assert "skipped" in second.stdout
    assert "awaits its confirmation" in second.stderr
    assert [one.outcome for one in first] == [Outcome.CHANGED]
    assert desk.curl().stdout == "200"


def test_whoever_comes_first_to_the_switch_wins_and_the_other_converges(
    live_desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = live_desk
    monkeypatch.chdir(desk.directory)
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()

    with apply_paused_at(Step.ACTIVATE) as first:
        desk.apply()
    # The second's release is live; the first switches to the same one, and nothing is lost.
    assert [one.outcome for one in first] == [Outcome.CHANGED]
    assert [one["outcome"] for one in desk.events("host", "apply")] == ["unchanged"]
    assert desk.curl(*desk.alice).stdout == "200"
