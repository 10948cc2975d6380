"""sudo that refuses, and sudo that is taken away in the middle of a run."""

import re
from pathlib import Path

import pytest

from deployer.result import Outcome, Step
from deployer.sandbox.processes import until
from tests.host.machine import on_fleet
from tests.hosts.fleet import FleetHost
from tests.hosts.prober import Prober
from tests.journey.paused import apply_paused_at
from tests.journey.workbench import Workbench

ADMIN = "admin ALL=(ALL:ALL)"


@pytest.fixture
def desk(
    fleet_host: FleetHost, founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workbench:
    """A project that reaches its host as a user who becomes root with sudo."""
    desk = Workbench(tmp_path / "project", fleet_host)
    desk.take_ca(founded)
    fleet_host.sudo_user()
    desk.variables = {"ansible_user": "admin", "ansible_become": True}
    desk.write_inventory()
    monkeypatch.chdir(desk.directory)
    return desk


def allow(desk: Workbench, rule: str) -> None:
    desk.host.write("/etc/sudoers.d/admin", f"{rule}\n", mode=0o440)


@pytest.mark.parametrize(
    ("rule", "status", "said"),
    [
        (f"{ADMIN} NOPASSWD: /usr/bin/true", 2, "web1: become: .*a password is required"),
        (f"{ADMIN} ALL", 2, "web1: become: .*a password is required"),
        # sshd looks at that first.
        ("EXPIRED", 4, "web1: authenticate: the host accepts none"),
    ],
    ids=["other-commands", "password", "expired"],
)
@pytest.mark.fault(17, how="`chage -E0`; rules for other commands, or with a password")
def test_a_sudo_that_refuses_is_told_before_anything_is_changed(
    desk: Workbench, rule: str, status: int, said: str
) -> None:
    if rule == "EXPIRED":
        desk.host.exec(["chage", "-E0", "admin"])
    else:
        allow(desk, rule)

    assert re.search(said, desk.apply(status=status).stderr)

    assert desk.host.exec(["ls", desk.host.layout.root], check=False).status != 0
    assert desk.host.exec(["ls", desk.host.layout.state_dir], check=False).status != 0


@pytest.mark.parametrize("step", [pytest.param(Step.STAGE, marks=pytest.mark.slow), Step.ACTIVATE])
@pytest.mark.fault(19, how="sudoers edited before files are sent, and before the switch")
def test_a_sudo_taken_away_before_the_switch_leaves_the_old_release(
    desk: Workbench, step: Step
) -> None:
    desk.apply()
    machine = on_fleet(_fleet_host(desk))
    live = machine.current
    desk.vhosts = [desk.site(hsts=True)]
    desk.write_inventory()

    with Prober(desk.host.site_url) as visitor, apply_paused_at(step) as results:
        allow(desk, "")

    (result,) = results
    assert result.outcome is Outcome.FAILED
    assert "become" in result.summary
    assert machine.current == live
    assert machine.in_flight() == []
    assert visitor.failures == ()


@pytest.mark.slow
@pytest.mark.parametrize("step", [Step.PROBE, Step.CONFIRM])
@pytest.mark.fault(19, how="sudoers edited after the switch")
def test_a_sudo_taken_away_after_the_switch_has_the_host_return_by_itself(
    desk: Workbench, step: Step
) -> None:
    desk.apply()
    machine = on_fleet(_fleet_host(desk))
    live = machine.current
    desk.vhosts = [desk.site(hsts=True)]
    desk.write_inventory()

    with Prober(desk.host.site_url) as visitor:
        with apply_paused_at(step, confirm_timeout=5) as results:
            allow(desk, "")
        assert until(lambda: machine.last.startswith("rolled_back"), timeout=30)

    (result,) = results
    assert result.outcome is Outcome.UNKNOWN
    assert "become" in result.summary
    assert "goes back by itself within 5 s" in result.hint
    assert machine.current == live
    assert visitor.failures == ()
    allow(desk, f"{ADMIN} NOPASSWD: ALL")
    desk.apply()


def _fleet_host(desk: Workbench) -> FleetHost:
    assert isinstance(desk.host, FleetHost)
    return desk.host
