"""SIGKILL at every step of a switch: the host ends on one release, and goes on from there."""

import os
import re
import signal
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from deployer.errors import RolledBack
from deployer.host import verbs
from deployer.host.script import Host, script_text
from deployer.host.verbs import Switch
from deployer.release import Release
from deployer.sandbox import Sandbox
from deployer.sandbox.processes import until
from deployer.transport import Completed
from tests.host.kill import Killed, Stopped, steps_of
from tests.host.machine import Machine, new_switch
from tests.host.test_switch import is_tidy

EVERY = 1
SOME = 31
"""A prime, so that a loop in a script is not always met at the same command."""

# The last that the shell says before it starts the timer.
ARMED = re.compile(rb"(?m)^@\d+ command -v setsid$")

sparsely = pytest.mark.parametrize(
    "stride",
    [pytest.param(SOME, id="some"), pytest.param(EVERY, id="every", marks=pytest.mark.slow)],
)


def activated(machine: Machine, release: Release, switch: Switch) -> tuple[str, ...]:
    """The arguments of an activation of a release that is staged by this."""
    name, seconds = machine.stage(release, switch), str(switch.confirm_timeout)
    return "activate", switch.token, *switch.claim, name, seconds, ""


def killed(sandbox: Sandbox, step: int, *words: str, payload: bytes = b"") -> Completed:
    host = Host("web1", Killed(sandbox, at=step), sandbox.layout, "")
    return host.run(*words, payload=payload)


def await_undo(machine: Machine, switch: Switch, done: Completed) -> None:
    """Wait for the timer; where it was not started yet, do what the next run does."""
    if list(machine.state.glob("pending.*")):
        if not ARMED.search(done.stderr):
            machine.undo(switch)
        machine.await_last(f"rolled_back {switch.token}")


def points(steps: int, stride: int, *, start: int = 20) -> Iterable[int]:
    # The first commands only arrange the script's own variables.
    return range(start, steps + 1, stride)


@pytest.mark.slow
@sparsely
@pytest.mark.timeout(1200)
def test_an_activation_killed_anywhere_ends_on_the_old_release(
    machine: Machine, sandbox: Sandbox, stride: int
) -> None:
    old = machine.release()
    machine.deploy(old)
    payload = script_text("undo", machine.layout).encode()
    whole = new_switch(machine.host)
    steps = steps_of(sandbox, *activated(machine, machine.release(), whole), payload=payload)
    machine.undo(whole)

    with machine.prober() as prober:
        for step in points(steps, stride):
            switch, new = new_switch(machine.host, timeout=1), machine.release()
            done = killed(sandbox, step, *activated(machine, new, switch), payload=payload)

            # Waiting takes a step more or less each time: the last may not be reached.
            assert done.status in {137, 0}, step
            await_undo(machine, switch, done)
            assert machine.current == old.id, step
            assert machine.serves(old), step

    assert prober.failures == ()
    assert steps > 60
    machine.deploy(machine.release())
    assert is_tidy(machine)


@sparsely
@pytest.mark.timeout(1200)
@pytest.mark.slow
def test_a_first_activation_killed_anywhere_leaves_the_host_as_it_was(
    machine: Machine, sandbox: Sandbox, stride: int
) -> None:
    machine.stage(machine.release())
    before = machine.configuration()
    payload = script_text("undo", machine.layout).encode()
    whole = new_switch(machine.host)
    steps = steps_of(sandbox, *activated(machine, machine.release(), whole), payload=payload)
    machine.undo(whole)

    for step in points(steps, stride):
        switch, new = new_switch(machine.host, timeout=1), machine.release()
        done = killed(sandbox, step, *activated(machine, new, switch), payload=payload)

        await_undo(machine, switch, done)
        visible = {
            path: found for path, found in machine.configuration().items() if "/." not in path
        }
        assert visible == before, step
        assert machine.current == "", step
        assert machine.site_serves(), step

    machine.deploy(machine.release())
    assert is_tidy(machine)


@sparsely
@pytest.mark.timeout(1200)
@pytest.mark.slow
def test_an_activation_that_sleeps_past_its_time_switches_nothing_any_more(
    machine: Machine, sandbox: Sandbox, stride: int
) -> None:
    old = machine.release(include="zzz-deployer.conf")
    machine.deploy(old)
    before = machine.configuration()
    payload = script_text("undo", machine.layout).encode()
    whole = new_switch(machine.host)
    steps = steps_of(sandbox, *activated(machine, machine.release(), whole), payload=payload)
    machine.undo(whole)

    # From where it has said that it is at work.
    for step in points(steps, stride, start=50):
        switch, new = new_switch(machine.host, timeout=1), machine.release()
        words = activated(machine, new, switch)
        host = Host("web1", Stopped(sandbox, at=step), sandbox.layout, "")
        with ThreadPoolExecutor(1) as pool:
            activation = pool.submit(host.run, *words, payload=payload)
            wake_after_its_time(machine, switch, activation)

        # It slept before it had armed the timer, or was woken too late to notice.
        if activation.result().status != 10:
            assert activation.result().status == 0, step
            machine.await_last(f"rolled_back {switch.token}")
        assert machine.configuration() == before, step
        assert machine.current == old.id, step
        assert machine.serves(old), step

    assert is_tidy(machine)


def wake_after_its_time(machine: Machine, switch: Switch, activation: "Future[Completed]") -> None:
    """Let a script that has stopped itself go on once the host has begun to undo its work."""
    working = machine.state / f"working.{switch.token}"
    undoing = machine.state / f"undoing.{switch.token}"
    assert until(lambda: activation.done() or is_stopped(working), timeout=20)
    if (machine.state / f"timer.{switch.token}").is_symlink():
        assert until(lambda: activation.done() or undoing.exists(), timeout=20)
    if working.is_symlink():
        os.kill(int(working.readlink().name), signal.SIGCONT)
    assert until(activation.done, timeout=60)
    with suppress(FileNotFoundError):  # it was quicker than the one whose steps were counted
        (machine.state / f"stopped.{switch.token}").rmdir()


def is_stopped(working: Path) -> bool:
    """Say whether the script that is at work sleeps."""
    try:
        status = Path("/proc", working.readlink(), "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "T"


@pytest.mark.slow
@sparsely
@pytest.mark.timeout(1200)
def test_an_undo_killed_anywhere_is_finished_by_the_next(
    machine: Machine, sandbox: Sandbox, stride: int
) -> None:
    old = machine.release(include="zzz-deployer.conf")
    machine.deploy(old)
    before = machine.configuration()
    switch = machine.activate(machine.release())
    steps = steps_of(sandbox, "undo", switch.token, "now", "why")

    with machine.prober() as prober:
        for step in points(steps, stride):
            switch = machine.activate(machine.release())
            assert killed(sandbox, step, "undo", switch.token, "now", "why").status in {137, 10}

            assert isinstance(machine.undo(switch), RolledBack), step
            assert machine.configuration() == before, step
            assert machine.serves(old), step

    assert prober.failures == ()
    assert is_tidy(machine)


@sparsely
@pytest.mark.timeout(1200)
def test_a_confirmation_killed_anywhere_can_be_repeated(
    machine: Machine, sandbox: Sandbox, stride: int
) -> None:
    machine.deploy(machine.release())
    switch = machine.activate(machine.release())
    steps = steps_of(sandbox, "confirm", switch.token, "3")

    for step in points(steps, stride):
        new = machine.release()
        switch = machine.activate(new)
        assert killed(sandbox, step, "confirm", switch.token, "3").status == 137

        verbs.confirm(machine.host, switch, keep=3)
        assert machine.serves(new), step
        assert machine.observe().confirmed == new.id
        assert machine.last.startswith(f"confirmed {switch.token} "), step

    machine.deploy(machine.release())
    assert is_tidy(machine)


def test_a_confirmation_that_was_killed_does_not_hold_the_host(
    machine: Machine, sandbox: Sandbox
) -> None:
    switch = machine.activate(machine.release())
    steps = steps_of(sandbox, "confirm", switch.token, "5")
    switch = machine.activate(machine.release())
    killed(sandbox, steps - 10, "confirm", switch.token, "5")

    machine.deploy(machine.release())

    assert is_tidy(machine)
