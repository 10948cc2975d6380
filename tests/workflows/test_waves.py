"""Hosts that were late, and what the others before them mean for them."""

import pytest

from deployer.result import HostResult, Outcome
from deployer.workflows.apply import closing


def results(*outcomes: Outcome) -> list[HostResult]:
    return [
        HostResult(host=f"web{number}", outcome=one) for number, one in enumerate(outcomes, start=1)
    ]


@pytest.mark.parametrize(
    "ended",
    [
        (),
        (Outcome.CHANGED, Outcome.FAILED),
        (Outcome.UNCHANGED, Outcome.UNREACHABLE),
        (Outcome.UNCHANGED,),
        (Outcome.SKIPPED,),
    ],
)
def test_a_late_host_gets_its_release_when_not_everything_before_it_has_failed(
    ended: tuple[Outcome, ...],
) -> None:
    assert closing(results(*ended)) == ""


@pytest.mark.parametrize("ended", [(Outcome.FAILED, Outcome.ROLLED_BACK), (Outcome.UNREACHABLE,)])
def test_it_does_not_when_everything_before_it_has_failed(ended: tuple[Outcome, ...]) -> None:
    assert closing(results(*ended, Outcome.SKIPPED)) == "all hosts before it have failed"


def test_a_host_that_needs_hands_ends_a_run() -> None:
    ended = results(Outcome.CHANGED, Outcome.NEEDS_HANDS, Outcome.CHANGED)

    assert closing(ended) == "web2 needs hands"
