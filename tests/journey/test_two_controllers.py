"""Two operators at one host: one works, the other is told who."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.cli.options import Common
from deployer.cli.session import Session
from deployer.result import Event, HostResult, Outcome, Step
from deployer.workflows.apply import carry_out, preview
from tests.journey.workbench import Workbench


@contextmanager
def apply_paused_at(step: Step) -> Iterator[list[HostResult]]:
    """Run an apply in this process that waits before a step for as long as the block lasts."""
    reached, go_on = threading.Event(), threading.Event()
    results: list[HostResult] = []

    def listen(event: Event) -> None:
        if event.step is step and not event.ended:
            reached.set()
            go_on.wait(timeout=60)

    def run() -> None:
        with Session(Common(passphrase_file=Path("passphrase"))) as session:
            operator = replace(session.operator(), listen=listen)
            seen = preview(session.survey(), session.targets("all"), operator)
            results.extend(carry_out(seen, operator))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert reached.wait(timeout=60)
        yield results
    finally:
        go_on.set()
        thread.join(timeout=60)


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
