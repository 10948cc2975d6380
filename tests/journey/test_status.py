"""Status: what is wrong, and how wrong, before somebody is locked out."""

from datetime import UTC, datetime, timedelta

import pytest

from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.result import Outcome, Step
from deployer.sandbox.processes import until
from deployer.store.state import Store
from deployer.workflows.status import Health, VhostStatus, exit_status, status_of
from tests.hosts.host import LabHost
from tests.hosts.sandbox import SandboxHost
from tests.journey.paused import apply_paused_at
from tests.journey.workbench import PASSPHRASE, Workbench


@pytest.fixture
def any_host(request: pytest.FixtureRequest) -> LabHost:
    """Nothing here depends on the kind of host."""
    return SandboxHost(request.getfixturevalue("sandbox"))


def in_days(desk: Workbench, monkeypatch: pytest.MonkeyPatch, days: int) -> VhostStatus:
    """Ask for the status as it will be if nobody does anything until then."""
    monkeypatch.chdir(desk.directory)
    with HostSession(Common()) as session:
        session.now += timedelta(days=days)
        found, failed = status_of(session.survey(), session.targets("all"), session.operator())
    (status,) = found
    assert failed == ()
    expected = {Health.OK: 0, Health.WARNING: 8, Health.CRITICAL: 9}[status.health]
    assert exit_status(found, failed) == expected
    return status


@pytest.mark.fault(62, how="lists that nobody renews for weeks")
def test_revocation_lists_warn_at_half_their_time_and_are_critical_at_its_last_quarter(
    live_desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = in_days(live_desk, monkeypatch, 10)
    later = in_days(live_desk, monkeypatch, 20)
    late = in_days(live_desk, monkeypatch, 29)
    ended = in_days(live_desk, monkeypatch, 38)

    assert (soon.health, soon.remarks) == (Health.OK, ())
    assert later.health is Health.WARNING
    assert any("Client CA G1,O=Example are half over" in remark for remark in later.remarks)
    assert late.health is Health.CRITICAL
    assert "Client CA G1,O=Example are three quarters over" in late.remarks[0]
    assert ended.health is Health.CRITICAL
    assert "every client is refused" in ended.remarks[0]
    assert ended.crls_until == later.crls_until == soon.crls_until


def test_lists_that_nobody_looks_into_cannot_end(
    desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.vhosts = [desk.site(client_auth={"verify": "require", "revocation": "none"})]
    desk.write_inventory()
    desk.apply()

    status = in_days(desk, monkeypatch, 38)

    assert (status.health, status.crls_until) == (Health.OK, None)


def test_lists_on_the_host_that_are_not_those_on_record_have_no_known_end(
    live_desk: Workbench,
) -> None:
    desk = live_desk
    now = datetime.now(UTC)
    with Store.open(desk.directory / ".deployer", now=now) as store:
        store.crls.publish(store.unlock("clients", PASSPHRASE), now=now)

    (site,) = desk.events("site", "status", status=8)

    assert "revocation lists on the host are not those on record" in site["remarks"]
    assert site["crls_until"] is None


def test_a_switch_that_was_rolled_back_is_remembered_until_the_next(
    live_desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = live_desk
    monkeypatch.chdir(desk.directory)
    desk.vhosts = [desk.site(tls="modern")]
    desk.write_inventory()
    last = f"{desk.host.layout.state_dir}/last"
    with apply_paused_at(Step.CONFIRM, confirm_timeout=1) as results:
        assert until(lambda: desk.host.read(last).startswith(b"rolled_back"), timeout=30)
    assert [one.outcome for one in results] == [Outcome.ROLLED_BACK]

    (site,) = desk.events("site", "status", status=8)
    assert "the last switch was rolled back: no confirmation within 1 s" in site["remarks"]

    desk.apply()
    (site,) = desk.events("site", "status")
    assert site["remarks"] == []
