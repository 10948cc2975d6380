"""
The controller is killed at every step, and the host ends wholly old or wholly new by itself.

The steps are those of `deployer.result.Step`: one that is added there is killed here.
"""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.result import Step
from deployer.store.state import Store
from tests.hosts.host import LabHost
from tests.hosts.prober import Prober
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import Workbench

SCRIPT = Path(__file__).with_name("kill_at.py")
# A rollback is killed in tests/host, where a probe is made to fail first, and a hook in
# test_hooks.py. Before an installation there is nothing that could be wholly old, and between
# batches nothing is under way.
ELSEWHERE = {Step.ROLL_BACK, Step.INSTALL, Step.SOAK, Step.HOOK}
STEPS = [step for step in Step if step not in ELSEWHERE]
# In the normal run once a step, and at every moment of those that change what is served.
SWITCHING = {Step.ACTIVATE, Step.CONFIRM}
MOMENTS = [
    pytest.param(
        step,
        moment,
        id=f"{step}-{moment}",
        marks=() if moment == "during" or step in SWITCHING else pytest.mark.slow,
    )
    for step in STEPS
    for moment in ("begin", "during", "end")
]
SETTLED = 30.0


@pytest.mark.fault(44)
@pytest.mark.parametrize(("step", "moment"), MOMENTS)
def test_a_killed_controller_leaves_the_host_wholly_old_or_wholly_new(
    live_desk: Workbench, step: Step, moment: str
) -> None:
    desk = live_desk
    old = release(desk)
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()

    with Prober(desk.host.site_url) as visitor:
        killed = run_killed(desk, step, moment)
        settled = await_settled(desk)

    assert visitor.failures == ()
    if (step, moment) == (Step.CONFIRM, "end"):
        # Everything was done; death came late.
        assert killed in {-signal.SIGKILL, 0}
    else:
        assert killed == -signal.SIGKILL
    strangers = desk.curl().stdout
    assert desk.curl(*desk.alice).stdout == "200"
    # Wholly old requires a certificate, wholly new does not.
    assert strangers == ("000" if settled == old else "200")

    desk.apply()
    assert desk.curl().stdout == "200"
    assert [one["outcome"] for one in desk.events("host", "apply")] == ["unchanged"]
    assert certificates_of(desk) == 1, "nothing was issued that was not needed"


@pytest.mark.fault(44, how="SIGKILL in the first apply to a host")
def test_a_controller_killed_in_its_first_apply_is_forgiven(desk: Workbench) -> None:
    before = desk.host.exec(["ls", desk.host.layout.vhost_dir]).stdout

    with Prober(desk.host.site_url) as visitor:
        assert run_killed(desk, Step.PROBE, "begin") == -signal.SIGKILL
        assert await_settled(desk) == ""

    assert visitor.failures == ()
    assert desk.host.exec(["ls", desk.host.layout.vhost_dir]).stdout == before
    desk.apply()
    assert desk.curl(*desk.alice).stdout == "200"


@pytest.fixture(
    params=[
        # Half a minute of waiting for timers: the whole of it once, on the real Debian.
        pytest.param("sandbox", marks=pytest.mark.slow),
        pytest.param("fleet", marks=pytest.mark.fleet),
    ]
)
def any_host(request: pytest.FixtureRequest) -> LabHost:
    if request.param == "sandbox":
        return SandboxHost(request.getfixturevalue("sandbox"))
    host: LabHost = request.getfixturevalue("fleet_host")
    return host


def run_killed(desk: Workbench, step: Step, moment: str) -> int:
    """Run an apply that kills itself, and return how it ended."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), step.value, moment],
        cwd=desk.directory,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        timeout=60,
        check=False,
    ).returncode


def await_settled(desk: Workbench) -> str:
    """Wait until no switch is pending and no script of ours runs; return the live release."""
    state = desk.host.layout.state_dir
    question = (
        f'ls -d "{state}"/pending.* "{state}"/undoing.* "{state}"/lease '
        f'"{desk.host.layout.root}"/releases/.staging.* "{state}"/timer.* 2>/dev/null; '
        "ps -eo args | grep -F 'script=$(dd bs=1' | grep -v grep"
    )
    deadline = time.monotonic() + SETTLED
    while desk.host.exec(["sh", "-c", question], check=False).stdout.strip():
        assert time.monotonic() < deadline, desk.host.exec(["sh", "-c", question]).stdout
        time.sleep(0.05)
    return release(desk)


def release(desk: Workbench) -> str:
    link = desk.host.exec(["readlink", f"{desk.host.layout.root}/current"], check=False)
    return link.stdout.decode().strip()


def certificates_of(desk: Workbench) -> int:
    """Count the server certificates on record."""
    with Store.open(desk.directory / ".deployer", now=datetime.now(UTC)) as store:
        return len(store.certificates.list(kind="server"))
