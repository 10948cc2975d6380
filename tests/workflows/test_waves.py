"""Hosts that were late, and what the others before them mean for them."""

import pytest

from deployer.result import HostResult, Outcome
from deployer.workflows.apply import closing

CHANGED, UNCHANGED, SKIPPED = Outcome.CHANGED, Outcome.UNCHANGED, Outcome.SKIPPED
FAILED, UNREACHABLE = Outcome.FAILED, Outcome.UNREACHABLE


def closed_after(*outcomes: Outcome, changing: int) -> str:
    """Let hosts end so, of which the last `changing` had a release coming."""
    ended = [HostResult(host=f"web{place}", outcome=one) for place, one in enumerate(outcomes, 1)]
    return closing(ended, {one.host for one in ended[len(ended) - changing :]})


@pytest.mark.parametrize(
    ("outcomes", "changing"),
    [
        ((), 0),
        ((UNCHANGED,), 0),
        ((UNREACHABLE,), 0),
        ((UNREACHABLE, UNCHANGED), 0),
        ((SKIPPED,), 1),
        ((FAILED, CHANGED), 2),
    ],
)
def test_a_late_host_gets_its_release_when_others_do_or_nothing_was_brought_to_any(
    outcomes: tuple[Outcome, ...], changing: int
) -> None:
    assert closed_after(*outcomes, changing=changing) == ""


@pytest.mark.parametrize("outcomes", [(FAILED,), (UNCHANGED, SKIPPED, Outcome.ROLLED_BACK)])
def test_it_does_not_when_all_to_which_something_was_brought_have_failed(
    outcomes: tuple[Outcome, ...],
) -> None:
    told = closed_after(*outcomes, changing=len(outcomes[-2:]))

    assert told == "all hosts before it have failed"


def test_a_host_that_needs_hands_ends_a_run() -> None:
    assert closed_after(CHANGED, Outcome.NEEDS_HANDS, CHANGED, changing=3) == "web2 needs hands"
