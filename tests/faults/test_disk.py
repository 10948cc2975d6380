"""Disks that take nothing: read-only, failing, immutable, or not for programs."""

from pathlib import Path

import pytest

from deployer.errors import NeedsHands, RolledBack, StepFailed
from deployer.host import verbs
from deployer.sandbox.processes import until
from tests.host.machine import Machine, new_switch, on_fleet
from tests.hosts.fleet import Fleet, FleetHost
from tests.journey.workbench import Workbench

OURS = "/etc/apache2/deployer"
STATE = "/var/lib/deployer"
SITES = "/etc/apache2/sites-enabled"
SITE = "<VirtualHost *:80>\nDocumentRoot /var/www/html\n</VirtualHost>\n"
# coreutils' sync(1) tells the kernel to write a file; this one hears that it could not.
FAILING_SYNC = """#!/bin/sh
exec strace -f -qq -o /dev/null -e inject=fsync,fdatasync,syncfs:error=EIO /usr/bin/sync.real "$@"
"""


@pytest.fixture
def machine(fleet: Fleet) -> Machine:
    """A host with a live release, and each directory that we write to on a disk of its own."""
    mounts = dict.fromkeys((OURS, STATE, SITES), "mode=755")
    return on_fleet(fleet.host(tmpfs=mounts, files={f"{SITES}/site.conf": SITE}))


def remount(machine: Machine, how: str, *directories: str) -> None:
    for directory in directories:
        machine.lab.exec(["mount", "-o", f"remount,{how}", directory])


@pytest.mark.fault(23, how="`mount -o remount,ro` before files are sent")
def test_nothing_is_staged_on_a_disk_that_is_read_only(machine: Machine) -> None:
    old = machine.release()
    machine.deploy(old)
    remount(machine, "ro", OURS)

    with pytest.raises(StepFailed, match=r"Read-only file system|cannot create"):
        machine.stage(machine.release())

    assert machine.serves(old)
    assert machine.observe().lease is None


@pytest.mark.parametrize("directory", [OURS, STATE, SITES])
@pytest.mark.fault(23, how="`mount -o remount,ro` of one directory before the switch")
def test_nothing_is_switched_on_a_disk_that_is_read_only(machine: Machine, directory: str) -> None:
    old, new = machine.release(), machine.release()
    machine.deploy(old)
    name = machine.stage(new)
    remount(machine, "ro", directory)

    with machine.prober() as prober, pytest.raises(StepFailed, match=r"cannot write|cannot create"):
        verbs.activate(machine.host, new, name, new_switch(machine.host))

    assert prober.failures == ()
    assert machine.serves(old)
    assert machine.current == old.id
    remount(machine, "rw", directory)
    machine.deploy(new)
    assert machine.serves(new)


@pytest.mark.fault(23, how="`mount -o remount,ro` of our state between switch and confirmation")
def test_a_confirmation_that_cannot_be_written_is_none_and_the_host_returns(
    machine: Machine,
) -> None:
    old = machine.release()
    machine.deploy(old)
    with machine.prober() as prober:
        switch = machine.activate(machine.release(), timeout=2)
        remount(machine, "ro", STATE)

        with pytest.raises(StepFailed, match="confirm: cannot write below"):
            verbs.confirm(machine.host, switch)
        assert until(lambda: machine.current == old.id, timeout=30)
        assert until(lambda: machine.serves(old), timeout=30)

    assert prober.failures == ()
    remount(machine, "rw", STATE)
    # Whoever comes next finds it undone, and has it noted.
    assert isinstance(machine.undo(switch), RolledBack)
    assert machine.serves(old)
    assert machine.in_flight() == []


@pytest.mark.fault(23, how="`mount -o remount,ro` of everything that is ours after the switch")
def test_an_undo_that_cannot_be_written_is_not_said_to_have_worked(machine: Machine) -> None:
    machine.deploy(machine.release())
    new = machine.release()
    switch = machine.activate(new)
    remount(machine, "ro", OURS, STATE, SITES)

    with machine.prober() as prober:
        verdict = machine.undo(switch)

    assert isinstance(verdict, NeedsHands)
    assert "cannot put back" in verdict.cause
    assert machine.serves(new)
    assert prober.failures == ()


@pytest.mark.fault(23, how="EIO from fsync, by `strace -e inject`")
def test_a_disk_that_fails_when_it_is_told_to_write_takes_no_release(machine: Machine) -> None:
    old, new = machine.release(), machine.release()
    machine.deploy(old)
    name = machine.stage(new)
    machine.lab.exec(["mv", "/usr/bin/sync", "/usr/bin/sync.real"])
    machine.lab.write("/usr/bin/sync", FAILING_SYNC, mode=0o755)

    with pytest.raises(StepFailed, match="cannot write to the disk"):
        machine.stage(machine.release())
    with pytest.raises(StepFailed, match="cannot write to the disk"):
        verbs.activate(machine.host, new, name, new_switch(machine.host))

    assert machine.serves(old)
    assert machine.current == old.id
    assert machine.in_flight() == []


@pytest.mark.fault(24, how="`mount -o remount,noexec /tmp`")
def test_no_program_need_run_in_a_temporary_directory(
    fleet_host: FleetHost, founded: Path, tmp_path: Path
) -> None:
    desk = Workbench(tmp_path / "project", fleet_host)
    desk.take_ca(founded)
    for directory in ("/tmp", "/run", "/dev/shm"):
        fleet_host.exec(["mount", "-o", "remount,noexec", directory], check=directory == "/tmp")

    desk.apply()

    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.parametrize("directory", ["/etc/apache2", SITES])
@pytest.mark.fault(24, how="`chattr +i` of a directory of Apache's")
def test_a_directory_that_nobody_may_change_is_told_before_the_switch(
    fleet_host: FleetHost, founded: Path, tmp_path: Path, directory: str
) -> None:
    desk = Workbench(tmp_path / "project", fleet_host)
    desk.take_ca(founded)
    fleet_host.exec(["chattr", "+i", directory])

    said = desk.apply(status=2).stderr

    assert "cannot write below" in said
    assert on_fleet(fleet_host).site_serves()
    fleet_host.exec(["chattr", "-i", directory])
    desk.apply()
