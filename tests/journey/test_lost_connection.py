"""The connection breaks in the middle, and the host goes on alone."""

import time

import pytest

from deployer.result import Outcome, Step
from tests.hosts.fleet import FleetHost
from tests.hosts.prober import Prober
from tests.journey.paused import apply_paused_at
from tests.journey.settling import await_settled, release
from tests.journey.workbench import Workbench


@pytest.fixture
def any_host(fleet_host: FleetHost) -> FleetHost:
    """Sessions are found and killed on a whole host only."""
    return fleet_host


@pytest.mark.fault(8, how="sshd's sessions are killed when a step begins")
@pytest.mark.parametrize("step", [Step.STAGE, Step.REHEARSE, Step.ACTIVATE])
def test_a_connection_lost_before_the_switch_changes_nothing(
    live_desk: Workbench, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    desk = live_desk
    monkeypatch.chdir(desk.directory)
    old = release(desk)
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()

    with apply_paused_at(step) as results:
        cut(desk)

    (result,) = results
    assert result.outcome in {Outcome.UNKNOWN, Outcome.FAILED}
    assert result.summary.startswith(f"{step}: ")
    assert release(desk) == old
    desk.apply()


@pytest.mark.fault(39, how="sshd's sessions are killed after the switch")
@pytest.mark.parametrize("step", [pytest.param(Step.PROBE, marks=pytest.mark.slow), Step.CONFIRM])
def test_a_connection_lost_after_the_switch_ends_with_the_old_release_serving(
    live_desk: Workbench, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    desk = live_desk
    monkeypatch.chdir(desk.directory)
    old = release(desk)
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()

    with Prober(desk.host.site_url) as visitor:
        began = time.monotonic()
        with apply_paused_at(step, confirm_timeout=3) as results:
            cut(desk)
        assert await_settled(desk) == old

    (result,) = results
    assert result.outcome is Outcome.UNKNOWN
    assert "goes back by itself within 3 s" in result.hint
    assert time.monotonic() - began < 60
    assert visitor.failures == ()
    assert desk.curl().stdout == "000"


def cut(desk: Workbench) -> None:
    """Kill every session of the host's sshd, but not sshd itself."""
    desk.host.exec(["sh", "-c", "kill -9 $(pgrep -f '^sshd: [a-z]+(@|$| \\[)')"])
