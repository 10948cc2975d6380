"""Faults of controllers: two states, one asleep, one dead, plans and programs gone old."""

import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from deployer.sandbox.processes import until
from tests.faults.oracle import left_over, live_release, serves_the_new, serves_the_old
from tests.hosts.host import LabHost
from tests.hosts.sandbox import SandboxHost
from tests.journey.fleet_desk import APPLY
from tests.journey.test_two_controllers import elsewhere
from tests.journey.workbench import SITE, Workbench, command

LONG_AGO = """
cd "$1" && for lease in lease.*; do
  token=$(readlink "$lease") holder=${token#* * }
  ln -sfn "${token%% *} $(($(date +%s) - 200)) $holder" "$lease"
done
"""


@pytest.fixture
def any_host(request: pytest.FixtureRequest) -> LabHost:
    """Nothing here depends on the kind of host."""
    return SandboxHost(request.getfixturevalue("sandbox"))


@contextmanager
def applying_until(desk: Workbench, step: str) -> Iterator["subprocess.Popen[str]"]:
    """Begin an apply, and go on when it has begun a step."""
    with subprocess.Popen(
        command(*APPLY, "--json"),
        cwd=desk.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if (event.get("step"), event.get("ended")) == (step, False):
                break
        try:
            yield process
        finally:
            process.kill()


def be_silent_for_minutes(desk: Workbench) -> None:
    """Let the host have heard of the holder of its lease a long time ago."""
    state = desk.host.layout.state_dir
    assert until(lambda: "lease." in left_over(desk), timeout=30)
    desk.host.exec(["sh", "-c", LONG_AGO, "ago", state])


@pytest.fixture
def other(changing: Workbench) -> Workbench:
    """A colleague with a copy of project and state, who wants something else."""
    desk = elsewhere(changing)
    desk.vhosts = [changing.site(client_auth={"verify": "none"})]
    desk.write_inventory()
    return desk


@pytest.mark.slow
@pytest.mark.fault(48, how="a colleague with a state of their own applies something else meanwhile")
def test_what_another_state_has_brought_shows_in_the_next_plan(
    changing: Workbench, other: Workbench
) -> None:
    changing.deployer("plan", "-o", "change.plan")
    other.apply()

    stale = changing.deployer("apply", "change.plan", "--passphrase-file", "passphrase", status=1)
    planned = changing.deployer("plan", "--detailed-exitcode", status=2).stdout

    assert "is stale for web1" in stale.stderr
    assert f"sites/{SITE}" in planned
    assert f"trust/{SITE}" in planned, "that of the colleague asks nobody for a certificate"
    changing.apply()
    assert serves_the_new(changing)


@pytest.mark.fault(49, how="SIGSTOP while a host is rehearsed, SIGCONT when another run was there")
def test_a_controller_that_wakes_up_late_is_refused_by_the_host(
    changing: Workbench, other: Workbench
) -> None:
    with applying_until(changing, "rehearse") as sleeper:
        sleeper.send_signal(signal.SIGSTOP)
        be_silent_for_minutes(changing)
        other.apply()
        live = live_release(changing)
        sleeper.send_signal(signal.SIGCONT)
        said, _ = sleeper.communicate(timeout=60)

    assert sleeper.returncode == 75
    (result,) = [json.loads(line) for line in said.splitlines() if '"event": "host"' in line]
    assert result["outcome"] == "skipped"
    assert "another run has been here since this one looked at the host" in result["summary"]
    assert live_release(changing) == live
    assert changing.curl().stdout == "200"
    assert left_over(changing) == ""


@pytest.mark.slow
@pytest.mark.fault(50, how="SIGKILL while a host is rehearsed, and nobody comes back")
def test_a_dead_holder_is_named_and_its_lease_is_over_by_itself(
    changing: Workbench, other: Workbench
) -> None:
    with applying_until(changing, "rehearse") as doomed:
        doomed.kill()
        doomed.wait()

    refused = other.apply(status=75).stderr
    assert "held by " in refused
    assert "if it has died: deployer runs unlock" in refused
    assert serves_the_old(changing)
    be_silent_for_minutes(changing)

    other.apply()
    assert changing.curl().stdout == "200"
    assert left_over(changing) == ""


def change_a_template(desk: Workbench) -> None:
    directory = desk.directory / "templates/apache"
    directory.mkdir(parents=True)
    (directory / "tls.conf.j2").write_text("    # The project's own.\n    SSLEngine on\n")


def revoke(desk: Workbench) -> None:
    words = ("--file", "alice/alice.pem", "--yes", "--passphrase-file", "passphrase")
    desk.deployer("cert", "revoke", *words)


@pytest.mark.fault(51, how="a template is changed, a client revoked, between plan and apply")
@pytest.mark.parametrize(
    "change", [change_a_template, pytest.param(revoke, marks=pytest.mark.slow)]
)
def test_a_saved_plan_is_refused_when_what_it_was_made_from_has_changed(
    changing: Workbench, change: Callable[[Workbench], None]
) -> None:
    old = live_release(changing)
    changing.deployer("plan", "-o", "change.plan")
    change(changing)

    apply = ("apply", "change.plan", "--passphrase-file", "passphrase")
    said = changing.deployer(*apply, status=1).stderr

    assert "is stale for web1" in said
    assert "plan again" in said
    assert live_release(changing) == old
    assert left_over(changing) == ""


@pytest.mark.fault(52, how="the state has the schema of a program to come")
def test_a_state_of_a_newer_program_is_left_alone(changing: Workbench) -> None:
    old, path = live_release(changing), changing.directory / ".deployer/state.db"
    with closing(sqlite3.connect(path)) as books:
        books.execute("PRAGMA user_version = 99")
        books.commit()
    before = path.read_bytes()

    said = changing.apply(status=1).stderr

    assert "has schema 99, and this program knows" in said
    assert "pip install -U mtls-deployer" in said
    assert path.read_bytes() == before
    assert live_release(changing) == old
    assert serves_the_old(changing)


@pytest.mark.slow
@pytest.mark.fault(52, how="the saved plan is another version's")
def test_a_plan_of_another_version_is_refused(changing: Workbench) -> None:
    old, path = live_release(changing), changing.directory / "change.plan"
    changing.deployer("plan", "-o", "change.plan")
    path.write_text(path.read_text().replace('"version": "', '"version": "9'))

    apply = ("apply", "change.plan", "--passphrase-file", "passphrase")
    said = changing.deployer(*apply, status=1).stderr

    assert "was written by deployer 9" in said
    assert "plan again" in said
    assert live_release(changing) == old
