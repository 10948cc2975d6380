"""
A script that is killed at a line of its journal which no good run writes.

The lines of good runs are for tests/sweep, where a controller is at the other end.
"""

import os
import signal
from dataclasses import replace

import pytest

from deployer.errors import NeedsHands, RolledBack
from deployer.host import verbs
from deployer.host.script import Host, script_text
from deployer.host.verbs import Switch
from deployer.layouts import Layout
from deployer.result import HostStep
from deployer.sandbox import Sandbox
from tests.host.kill import KilledAt
from tests.host.machine import Machine, new_switch
from tests.host.test_kill import activated
from tests.host.test_switch import is_tidy
from tests.sweep.kills import kills_the_script_at

KILLED = 128 + signal.SIGKILL


def doomed(sandbox: Sandbox, step: HostStep, moment: str, layout: Layout | None = None) -> Host:
    """The host, where a script is killed when it comes to this line."""
    return Host("web1", KilledAt(sandbox, step, moment), layout or sandbox.layout, "")


@kills_the_script_at([HostStep.FAILED], quickly=[(HostStep.FAILED, "after")])
def test_an_activation_killed_when_it_has_failed_is_undone_by_the_timer(
    machine: Machine, sandbox: Sandbox, step: HostStep, moment: str
) -> None:
    old = machine.release()
    machine.deploy(old)
    layout = replace(machine.layout, reload=("false",))
    switch = new_switch(machine.host, timeout=1)
    words = activated(machine, machine.release(), switch)

    with machine.prober() as prober:
        payload = script_text("undo", layout).encode()
        done = doomed(sandbox, step, moment, layout).run(*words, payload=payload)
        machine.await_last(f"rolled_back {switch.token}")

    assert done.status == KILLED
    assert prober.failures == ()
    assert machine.current == old.id
    assert machine.serves(old)
    machine.deploy(machine.release())
    assert is_tidy(machine)


@kills_the_script_at([HostStep.NEEDS_HANDS])
def test_an_undo_killed_when_it_needs_hands_can_be_tried_again(
    machine: Machine, sandbox: Sandbox, step: HostStep, moment: str
) -> None:
    old = machine.release()
    machine.deploy(old)
    switch = machine.activate(machine.release())
    broken = machine.sites / "shop.conf"
    broken.write_text("Nonsense\n")

    done = doomed(sandbox, step, moment).run("undo", switch.token, "now", "why")

    assert done.status == KILLED
    assert isinstance(machine.undo(switch), NeedsHands)
    broken.unlink()
    assert machine.site_serves()
    machine.deploy(machine.release())
    assert is_tidy(machine)


@kills_the_script_at([HostStep.UNDOING, HostStep.ROLLED_BACK])
def test_an_undo_killed_at_its_beginning_or_its_end_is_finished_by_the_next(
    machine: Machine, sandbox: Sandbox, step: HostStep, moment: str
) -> None:
    old = machine.release()
    machine.deploy(old)
    switch = machine.activate(machine.release())

    with machine.prober() as prober:
        done = doomed(sandbox, step, moment).run("undo", switch.token, "now", "why")
        again = machine.undo(switch)

    assert done.status == KILLED
    assert isinstance(again, RolledBack)
    assert prober.failures == ()
    assert machine.serves(old)
    assert is_tidy(machine)


@kills_the_script_at([HostStep.UNLOCKED])
def test_a_lease_that_was_not_quite_taken_away_can_be_taken_again(
    machine: Machine, sandbox: Sandbox, step: HostStep, moment: str
) -> None:
    gone = new_switch(machine.host)
    machine.stage(machine.release(), gone)

    done = doomed(sandbox, step, moment).run("lease", gone.token, "break")

    assert done.status == KILLED
    held = machine.observe().lease
    assert held is not None
    assert held.token == gone.token
    verbs.unlock(machine.host, gone.token)
    machine.deploy(machine.release())
    assert is_tidy(machine)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install packages")
@kills_the_script_at([HostStep.INSTALLED])
def test_an_installation_that_was_killed_is_done_again(
    machine: Machine, sandbox: Sandbox, step: HostStep, moment: str
) -> None:
    layout = replace(machine.layout, install=("true",), boot=("true",))

    done = doomed(sandbox, step, moment, layout).run("install", "apache2")

    assert done.status == KILLED
    assert machine.site_serves()
    verbs.install(replace(machine.host, layout=layout))
    machine.deploy(machine.release())
    assert is_tidy(machine)


@kills_the_script_at([HostStep.LEASED, HostStep.STAGED])
def test_a_stage_that_was_killed_is_done_again_by_the_same_run(
    machine: Machine, sandbox: Sandbox, step: HostStep, moment: str
) -> None:
    release, switch = machine.release(), new_switch(machine.host)

    words = ("stage", switch.token, *switch.claim, release.id)
    done = doomed(sandbox, step, moment).run(*words, payload=release.to_tar({}))

    assert done.status == KILLED
    finish(machine, switch)


def finish(machine: Machine, switch: Switch) -> None:
    """Bring the host to another release, by the run that holds it."""
    release = machine.release()
    verbs.activate(machine.host, release, machine.stage(release, switch), switch)
    verbs.confirm(machine.host, switch)
    assert machine.serves(release)
    assert is_tidy(machine)
