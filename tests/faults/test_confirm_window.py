"""Faults between switch and confirmation: the line dies, words are lost, or come too late."""

import time
from pathlib import Path

import pytest

from deployer.result import Outcome, Step
from deployer.sandbox.processes import until
from tests.faults.oracle import (
    ended,
    left_over,
    live_release,
    server_certificates,
    serves_the_new,
    serves_the_old,
)
from tests.hosts.fleet import Fleet, FleetHost
from tests.hosts.prober import Prober
from tests.journey.fleet_desk import FleetDesk, outcomes
from tests.journey.paused import apply_paused_at
from tests.journey.test_two_controllers import elsewhere
from tests.journey.workbench import Workbench

# Neither configuration starts it again: that of before is broken as well by then.
RUINED = """\
#!/bin/sh
if [ "$1" = graceful ] && [ -e /etc/apache2/deployer/current ]; then
  echo Nonsense >/etc/apache2/sites-enabled/shop.conf
  kill -9 "-$(cat /run/apache2/apache2.pid)"
fi
exec /usr/sbin/apache2ctl.real "$@"
"""


def await_undone(desk: Workbench, *, timeout: float = 30) -> None:
    """Wait until the host has gone back by itself, and nothing of it is under way."""
    last = f"{desk.host.layout.state_dir}/last"
    assert until(lambda: desk.host.read(last).startswith(b"rolled_back"), timeout=timeout)
    assert until(lambda: left_over(desk) == "", timeout=timeout), left_over(desk)


@pytest.mark.slow
@pytest.mark.fault(38, how="Apache is killed at the reload, and another site broken meanwhile")
def test_a_rollback_that_fails_says_what_to_type_and_ends_the_run(
    fleet: Fleet, tmp_path: Path, founded: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(2))
    first = desk.hosts["web1"]
    first.exec(["mv", "/usr/sbin/apache2ctl", "/usr/sbin/apache2ctl.real"])
    first.write("/usr/sbin/apache2ctl", RUINED, mode=0o755)

    events = desk.apply("-f", "1", status=3)

    assert outcomes(events) == {"web1": "needs_hands", "web2": "skipped"}
    told = {event["host"]: event for event in events if event["event"] == "host"}
    assert "Invalid command 'Nonsense'" in told["web1"]["summary"]
    assert told["web1"]["hint"] == (
        "log in and look: tail /var/lib/deployer/journal;"
        " (. /etc/apache2/envvars; /usr/sbin/apache2 -t); when that is content: apache2ctl start;"
        " deployer rollback web1 starts it with a kept release"
    )
    assert told["web2"]["summary"] == "not begun: web1 needs hands"
    root = desk.hosts["web2"].layout.root
    assert desk.hosts["web2"].exec(["test", "-e", f"{root}/current"], check=False).status == 1
    # What is said to be done is done, and all goes on.
    first.exec(["rm", "/etc/apache2/sites-enabled/shop.conf"])
    first.exec(["mv", "/usr/sbin/apache2ctl.real", "/usr/sbin/apache2ctl"])
    first.exec(["apache2ctl", "start"])
    assert set(outcomes(desk.apply()).values()) == {"changed"}


@pytest.mark.slow
@pytest.mark.fault(39, how="the network cable is pulled after the switch: every packet is lost")
def test_a_host_that_loses_its_line_before_the_confirmation_goes_back_by_itself(
    changing: Workbench, fleet_host: FleetHost
) -> None:
    desk, old = changing, live_release(changing)

    with apply_paused_at(Step.CONFIRM, confirm_timeout=2) as results:
        fleet_host.unplug()
        await_undone(desk)
        undone = time.monotonic()

    result = ended(results, Outcome.UNKNOWN, 2)
    assert result.summary.startswith("confirm: ")
    assert result.hint == (
        "if it was not confirmed, web1 goes back by itself within 2 s; deployer status tells"
    )
    # Three keepalives of fifteen seconds, and no confirmation that is waited for without end.
    assert time.monotonic() - undone < 70
    fleet_host.plug()
    assert live_release(desk) == old
    assert serves_the_old(desk)
    (site,) = desk.events("site", "status", status=9)
    assert "the last switch was rolled back: no confirmation within 2 s" in site["remarks"]
    assert len(server_certificates(desk)) == 1
    desk.apply()
    assert serves_the_new(desk)


LOSE_ANSWERS = """\
#!/bin/sh
nft add table inet fault
nft add chain inet fault out '{ type filter hook output priority 0; }'
nft add rule inet fault out tcp sport 22 drop
exec /usr/bin/sync "$@"
"""


@pytest.mark.slow
@pytest.mark.fault(40, how="nft drops what sshd sends, from the moment that confirms on")
def test_a_confirmation_whose_answer_is_lost_counts(
    desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.directory)

    with Prober(desk.host.site_url) as visitor:
        with apply_paused_at(Step.CONFIRM, confirm_timeout=5) as results:
            # The first that the script runs when it has decided.
            desk.host.write("/usr/local/bin/sync", LOSE_ANSWERS, mode=0o755)
        desk.host.exec(["nft", "flush", "ruleset"])
        desk.host.exec(["rm", "/usr/local/bin/sync"])

    ended(results, Outcome.UNKNOWN, 2)
    assert desk.host.read(f"{desk.host.layout.state_dir}/last").startswith(b"confirmed")
    assert left_over(desk) == ""
    live, issued = live_release(desk), server_certificates(desk)
    assert [one["outcome"] for one in desk.events("host", "apply")] == ["unchanged"]
    assert live_release(desk) == live
    assert server_certificates(desk) == issued
    assert len(issued) == 1
    assert desk.curl(*desk.alice).stdout == "200"
    assert visitor.failures == ()


@pytest.mark.fault(41, how="the controller sleeps past the timeout before it confirms")
def test_a_confirmation_that_comes_too_late_is_refused(changing: Workbench) -> None:
    desk, old = changing, live_release(changing)

    with (
        Prober(desk.host.site_url) as visitor,
        apply_paused_at(Step.CONFIRM, confirm_timeout=1) as results,
    ):
        await_undone(desk)

    result = ended(results, Outcome.ROLLED_BACK, 2)
    assert result.summary == "confirm: no confirmation within 1 s"
    assert result.hint == "the host is back on the release that served before"
    assert live_release(desk) == old
    assert serves_the_old(desk)
    assert left_over(desk) == ""
    assert visitor.failures == ()


@pytest.mark.slow
@pytest.mark.fault(41, how="another run has come and gone when the confirmation comes")
def test_a_late_confirmation_confirms_nothing_of_another_run(changing: Workbench) -> None:
    desk, other = changing, elsewhere(changing)
    other.vhosts = [desk.site(client_auth={"verify": "none"})]
    other.write_inventory()

    with apply_paused_at(Step.CONFIRM, confirm_timeout=1) as results:
        await_undone(desk)
        other.apply()
        live = live_release(desk)
        journal = desk.host.read(f"{desk.host.layout.state_dir}/journal")

    result = ended(results, Outcome.ROLLED_BACK, 2)
    assert result.summary == "confirm: this activation is not the latest any more"
    assert live_release(desk) == live
    assert desk.host.read(f"{desk.host.layout.state_dir}/journal") == journal
    assert left_over(desk) == ""
