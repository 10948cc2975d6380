"""The lease: one run at a time, and whoever comes back too late is refused."""

import os
import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.errors import Locked, StepFailed
from deployer.fleet.threads import Threads
from deployer.fleet.workplace import Workplace
from deployer.host import verbs
from deployer.host.script import BOOTSTRAP, Whereabouts, script_text
from deployer.sandbox.processes import until
from deployer.spec.connection import Connection
from deployer.transport import Transport
from deployer.workflows.clients import knockers
from deployer.workflows.deploy import Deployment, prepare
from deployer.workflows.heartbeat import Heartbeat
from deployer.workflows.leases import Renew
from tests.host.machine import HOLDER, Machine, new_switch
from tests.host.releases import KEY

BOB = "bob@desk, run 7: rotate leaf"


def test_a_run_holds_the_host_from_its_first_file_to_its_confirmation(any_shell: Machine) -> None:
    machine, release, switch = any_shell, any_shell.release(), new_switch(any_shell.host)

    name = verbs.stage(machine.host, release, machine.observe(), switch)
    assert holder(machine) == HOLDER
    verbs.rehearse(machine.host, release, name, switch)
    assert holder(machine) == HOLDER
    verbs.activate(machine.host, release, name, switch)
    assert holder(machine) == HOLDER
    verbs.confirm(machine.host, switch)

    assert holder(machine) == ""


@pytest.mark.fault(39, how="an undo of which only the beginning arrives")
def test_an_activation_that_waits_for_what_never_arrives_holds_nothing(machine: Machine) -> None:
    name, switch = machine.stage(machine.release()), new_switch(machine.host)
    script = script_text("activate", machine.layout).encode()
    shell = BOOTSTRAP.format(read=f"dd bs=1 count={len(script)}")
    words = ("activate", switch.token, *switch.claim, name, "5", "")

    with subprocess.Popen(["sh", "-c", shell, *words], stdin=subprocess.PIPE) as waiting:
        assert waiting.stdin
        waiting.stdin.write(script + script_text("undo", machine.layout).encode()[:100])
        waiting.stdin.flush()
        assert until(lambda: children_of(waiting.pid) == [b"cat"], timeout=10)
        machine.deploy(machine.release())
        waiting.kill()


def children_of(pid: int) -> list[bytes]:
    """The programs that a process runs."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0] for child in children]


@pytest.mark.fault(48, how="another run at every step")
def test_another_run_is_told_who_holds_the_host_at_every_step(machine: Machine) -> None:
    release, other = machine.release(), machine.release()
    name = machine.stage(release)
    found = machine.observe()
    late, first = (new_switch(machine.host), new_switch(machine.host, holder=BOB))
    verbs.stage(machine.host, other, found, first)

    with pytest.raises(Locked, match=BOB):
        verbs.stage(machine.host, release, found, late)
    with pytest.raises(Locked, match=BOB):
        verbs.rehearse(machine.host, release, name, late)
    with pytest.raises(Locked, match=BOB):
        verbs.activate(machine.host, release, name, late)
    with pytest.raises(Locked, match=BOB):
        verbs.renew(machine.host, late)
    with pytest.raises(Locked, match=BOB):
        verbs.install(machine.host)
    verbs.release(machine.host, late)

    assert holder(machine) == BOB
    assert machine.current == ""


@pytest.mark.fault(49, how="a holder silent for two minutes, and another run")
def test_a_run_that_slept_while_another_came_and_went_is_refused_by_its_number(
    machine: Machine,
) -> None:
    release = machine.release()
    sleeper = new_switch(machine.host)
    name = verbs.stage(machine.host, release, machine.observe(), sleeper)
    forget_for(machine, seconds=121)

    live = machine.release()
    machine.deploy(live)

    with pytest.raises(Locked, match="another run has been here"):
        verbs.activate(machine.host, release, name, sleeper)
    with pytest.raises(Locked, match="another run has been here"):
        verbs.renew(machine.host, sleeper)
    assert machine.current == live.id


def test_a_run_that_slept_alone_goes_on_where_it_was(machine: Machine) -> None:
    release, switch = machine.release(), new_switch(machine.host)
    name = verbs.stage(machine.host, release, machine.observe(), switch)
    forget_for(machine, seconds=500)

    verbs.activate(machine.host, release, name, switch)
    verbs.confirm(machine.host, switch)

    assert machine.current == release.id


@pytest.mark.fault(50, how="a holder silent for so long")
@pytest.mark.parametrize(
    ("seconds", "held"), [(60, True), (121, False), (-60, True), (-121, False)]
)
def test_a_lease_lasts_two_minutes_from_its_last_heartbeat(
    machine: Machine, seconds: int, *, held: bool
) -> None:
    verbs.stage(
        machine.host, machine.release(), machine.observe(), new_switch(machine.host, holder=BOB)
    )
    forget_for(machine, seconds=seconds)

    assert holder(machine) == (BOB if held else "")


def test_a_heartbeat_keeps_it(any_shell: Machine) -> None:
    machine, switch = any_shell, new_switch(any_shell.host)
    verbs.stage(machine.host, machine.release(), machine.observe(), switch)
    forget_for(machine, seconds=100)

    verbs.renew(machine.host, switch)

    found = machine.observe()
    assert found.lease is not None
    assert found.clock - found.lease.heartbeat < 60


LATER = """\
#!/bin/sh
case $1 in */lease.{first}) ln -s "$({readlink} "$1")" "${{1%.*}}.{second}" ;; esac
exec {readlink} "$@"
"""


def test_of_two_signs_of_life_at_once_the_later_stays(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch = new_switch(machine.host)
    verbs.stage(machine.host, machine.release(), machine.observe(), switch)
    number = machine.observe().fence
    # The other comes when the first has seen that none is higher, and before it clears up.
    readlink = shutil.which("readlink")
    (tmp_path / "readlink").write_text(
        LATER.format(readlink=readlink, first=number + 1, second=number + 2)
    )
    (tmp_path / "readlink").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    verbs.renew(machine.host, switch)

    found = machine.observe()
    assert found.lease is not None
    assert (found.lease.token, found.fence) == (switch.token, number + 2)


def test_hosts_that_wait_for_their_turn_are_kept_as_long_as_they_wait(machine: Machine) -> None:
    release, switch = machine.release(), new_switch(machine.host)
    connection = Connection(name=machine.host.name, way="local", address=machine.host.address)
    where = Whereabouts(connection=connection, layout=machine.layout)
    deployment = Deployment(
        where=where,
        found=machine.observe(),
        release=release,
        expectations=(),
        clients=knockers(None, datetime.now(UTC)),
        switch=switch,
    )
    prepare(machine.host, deployment, lambda _: None)
    forget_for(machine, seconds=100)
    before = machine.observe().fence

    waiting = (Renew(where=where, switch=switch),)
    executor = Threads(Workplace(Already(machine.host.transport)), forks=1)

    with closing(executor), Heartbeat(executor, lambda: waiting, forks=1, period=0.01):
        assert until(lambda: machine.observe().fence > before + 1, timeout=10)

    assert holder(machine) == HOLDER
    quiet = machine.observe().fence
    assert machine.observe().fence == quiet
    verbs.release(machine.host, switch)


def test_whatever_fails_before_the_switch_gives_the_host_back(machine: Machine) -> None:
    release, switch = machine.kept(machine.release()), new_switch(machine.host)
    with pytest.raises(StepFailed, match=f"neither sent nor on this host: {KEY}"):
        verbs.stage(machine.host, release, machine.observe(), switch)
    assert holder(machine) == ""

    broken, switch = machine.release(extra="Bogus\n"), new_switch(machine.host)
    name = verbs.stage(machine.host, broken, machine.observe(), switch)
    with pytest.raises(StepFailed, match="Bogus"):
        verbs.rehearse(machine.host, broken, name, switch)
    assert holder(machine) == ""


@pytest.mark.fault(50, how="a lease taken by name")
def test_a_lease_is_broken_by_its_name_and_its_holder_fenced_out(any_shell: Machine) -> None:
    machine, release = any_shell, any_shell.release()
    gone = new_switch(machine.host, holder=BOB)
    name = verbs.stage(machine.host, release, machine.observe(), gone)

    with pytest.raises(Locked, match=BOB):
        verbs.unlock(machine.host, "somebody-elses")
    verbs.unlock(machine.host, gone.token)

    assert holder(machine) == ""
    assert f" unlocked {gone.token} {BOB}\n" in machine.journal
    with pytest.raises(Locked, match="another run has been here"):
        verbs.activate(machine.host, release, name, gone)


def test_a_switch_in_flight_is_not_for_breaking(machine: Machine) -> None:
    switch = machine.activate(machine.release(), holder=BOB)

    with pytest.raises(Locked, match=f"{BOB} has a switch in flight"):
        verbs.unlock(machine.host, switch.token)

    verbs.confirm(machine.host, switch)


@dataclass
class Already:
    """The one connection that there is."""

    transport: Transport

    def __call__(self, _: Connection) -> Transport:
        return self.transport

    def close(self) -> None: ...


def holder(machine: Machine) -> str:
    lease = machine.observe().lease
    return lease.holder if lease else ""


def forget_for(machine: Machine, *, seconds: int) -> None:
    """Have the holder of the lease be silent for so long; from the future, if negative."""
    (link,) = Path(machine.state).glob("lease.*")
    token, _, words = link.readlink().as_posix().split(" ", 2)
    link.unlink()
    link.symlink_to(f"{token} {int(time.time()) - seconds} {words}")
