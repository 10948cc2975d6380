"""SIGKILL at every step of a switch: the host ends on one release, and goes on from there."""

from collections.abc import Iterable

import pytest

from deployer.errors import RolledBack
from deployer.host import verbs
from deployer.host.script import Host, script_text
from deployer.host.verbs import Switch
from deployer.release import Release
from deployer.sandbox import Sandbox
from deployer.transport import Completed
from tests.host.kill import Killed, steps_of
from tests.host.machine import Machine, new_switch
from tests.host.test_switch import is_tidy

EVERY = 1
SOME = 31
"""A prime, so that a loop in a script is not always met at the same command."""

sparsely = pytest.mark.parametrize(
    "stride",
    [pytest.param(SOME, id="some"), pytest.param(EVERY, id="every", marks=pytest.mark.slow)],
)


def activated(machine: Machine, release: Release, switch: Switch) -> tuple[str, ...]:
    """The arguments of an activation of a release that is staged by this."""
    seconds = str(switch.confirm_timeout)
    return "activate", switch.token, machine.stage(release), seconds, switch.holder, ""


def killed(sandbox: Sandbox, step: int, *words: str, payload: bytes = b"") -> Completed:
    host = Host("web1", Killed(sandbox, at=step), sandbox.layout, "")
    return host.run(*words, payload=payload)


def points(steps: int, stride: int) -> Iterable[int]:
    # The first commands only arrange the script's own variables.
    return range(20, steps + 1, stride)


@sparsely
@pytest.mark.timeout(1200)
def test_an_activation_killed_anywhere_ends_on_the_old_release(
    machine: Machine, sandbox: Sandbox, stride: int
) -> None:
    old = machine.release()
    machine.deploy(old)
    payload = script_text("undo", machine.layout).encode()
    whole = new_switch()
    steps = steps_of(sandbox, *activated(machine, machine.release(), whole), payload=payload)
    machine.undo(whole)

    with machine.prober() as prober:
        for step in points(steps, stride):
            switch, new = new_switch(timeout=1), machine.release()
            done = killed(sandbox, step, *activated(machine, new, switch), payload=payload)

            assert done.status == 137, step
            if list(machine.state.glob("pending.*")):
                machine.await_last(f"rolled_back {switch.token}")
            assert machine.current == old.id, step
            assert machine.serves(old), step

    assert prober.failures == ()
    assert steps > 60
    machine.deploy(machine.release())
    assert is_tidy(machine)


@sparsely
@pytest.mark.timeout(1200)
def test_a_first_activation_killed_anywhere_leaves_the_host_as_it_was(
    machine: Machine, sandbox: Sandbox, stride: int
) -> None:
    machine.stage(machine.release())
    before = machine.configuration()
    payload = script_text("undo", machine.layout).encode()
    whole = new_switch()
    steps = steps_of(sandbox, *activated(machine, machine.release(), whole), payload=payload)
    machine.undo(whole)

    for step in points(steps, stride):
        switch, new = new_switch(timeout=1), machine.release()
        killed(sandbox, step, *activated(machine, new, switch), payload=payload)

        if list(machine.state.glob("pending.*")):
            machine.await_last(f"rolled_back {switch.token}")
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
            assert killed(sandbox, step, "undo", switch.token, "now", "why").status == 137

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
