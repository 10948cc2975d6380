"""A disk without a free byte: nothing is switched, and what was switched can be undone."""

import re
from collections.abc import Callable

import pytest

from deployer.errors import RolledBack, StepFailed
from deployer.host import verbs
from tests.host.machine import Machine, new_switch, on_fleet
from tests.hosts.fleet import Fleet

OURS = "/etc/apache2/deployer"
STATE = "/var/lib/deployer"
SITES = "/etc/apache2/sites-enabled"
RUN = "/run/apache2"
MOUNTED = dict.fromkeys((OURS, STATE, SITES), "size=256k,mode=755")


@pytest.fixture
def machine(fleet: Fleet) -> Machine:
    """A host whose disks are small, each of them one that we write to."""
    return on_fleet(fleet.host(tmpfs=MOUNTED, files={f"{SITES}/site.conf": SITE}))


SITE = "<VirtualHost *:80>\nDocumentRoot /var/www/html\n</VirtualHost>\n"


def fill(machine: Machine, *directories: str) -> None:
    """Leave not a byte free."""
    for directory in directories:
        command = f"cat /dev/zero >{directory}/filler 2>/dev/null; df {directory} | tail -n 1"
        said = machine.lab.exec(["sh", "-c", command]).stdout.split()
        assert said[3] == b"0", said


def devour(machine: Machine, *directories: str) -> None:
    """Leave not a byte free, and take each that becomes free."""
    fill(machine, *directories)
    for directory in directories:
        greedy = f"while test -e {directory}/filler; do cat /dev/zero; done"
        machine.lab.exec(["sh", "-c", f"({greedy}) >>{directory}/filler 2>/dev/null &"])


def exhaust(machine: Machine, *directories: str) -> None:
    """Leave not a file free."""
    for directory in directories:
        command = (
            f"mount -o remount,nr_inodes=$(df -i {directory} | awk 'NR==2{{print $3}}') {directory}"
        )
        machine.lab.exec(["sh", "-c", command])


def free(machine: Machine, *directories: str) -> None:
    for directory in directories:
        machine.lab.exec(["rm", "-f", f"{directory}/filler"])


@pytest.mark.fault(20, how="a tmpfs of 256 KiB and a release of 400")
def test_a_release_that_does_not_fit_is_refused_with_the_room_there_is(machine: Machine) -> None:
    release = machine.release(replaced={"trust/large.pem": bytes(400_000)})

    with pytest.raises(StepFailed) as refused:
        machine.stage(release)

    assert "No space left on device" in refused.value.cause
    assert f"KiB free on the disk of {OURS}" in refused.value.cause
    assert re.search(r"it needs about 4\d\d KiB there: free some space", refused.value.hint)
    assert list((machine.root / "releases").iterdir()) == []
    assert machine.site_serves()


@pytest.mark.fault(21)
def test_a_disk_with_no_files_left_is_refused_too(machine: Machine) -> None:
    machine.stage(machine.release())
    exhaust(machine, OURS)

    with pytest.raises(StepFailed, match="No space left on device"):
        machine.stage(machine.release())

    assert machine.site_serves()


@pytest.mark.fault(22, how="one of the disks is full when the switch begins")
@pytest.mark.parametrize(
    ("how", "full"),
    # A disk without a free byte still takes links, which is all that we write beside the releases.
    [(fill, STATE), (fill, SITES), (exhaust, STATE), (exhaust, SITES), (exhaust, OURS)],
)
def test_nothing_is_switched_when_what_an_undo_needs_cannot_be_written(
    machine: Machine, how: Callable[..., None], full: str
) -> None:
    old, new = machine.release(), machine.release()
    machine.deploy(old)
    name = machine.stage(new)
    how(machine, full)

    with machine.prober() as prober, pytest.raises(StepFailed, match="cannot write"):
        verbs.activate(machine.host, new, name, new_switch(machine.host))

    assert prober.failures == ()
    assert machine.serves(old)
    assert machine.current == old.id
    assert machine.in_flight() == []
    assert machine.observe().lease is None


@pytest.mark.fault(22, how="every disk is full after the switch, and stays full")
@pytest.mark.parametrize("how", [fill, devour, exhaust])
def test_an_undo_needs_no_space(machine: Machine, how: Callable[..., None]) -> None:
    old = machine.release(include="zzz-deployer.conf")
    machine.deploy(old)
    before = machine.configuration()
    switch = machine.activate(machine.release())
    # As after a switch that was killed before its reload, on a host that had none before.
    for notes in ("generation", "reload.log"):
        (machine.state / notes).unlink()
    how(machine, OURS, STATE, SITES)

    with machine.prober() as prober:
        verdict = machine.undo(switch, "the probe failed")

    assert isinstance(verdict, RolledBack)
    assert prober.failures == ()
    assert machine.serves(old)
    free(machine, OURS, STATE, SITES)
    assert machine.configuration() == before
    # The outcome and its reason are known all the same.
    assert machine.observe().last_outcome.startswith(f"rolled_back {switch.token} ")
    assert machine.last.endswith("the probe failed")


@pytest.mark.fault(22, how="every disk is full after the switch")
@pytest.mark.parametrize("how", [fill, exhaust])
def test_the_dead_man_needs_no_space_either(machine: Machine, how: Callable[..., None]) -> None:
    old = machine.release()
    machine.deploy(old)
    switch = machine.activate(machine.release(), timeout=1)
    how(machine, OURS, STATE, SITES)

    machine.await_last(f"rolled_back {switch.token} ")

    assert machine.serves(old)
    with pytest.raises(RolledBack, match="no confirmation within 1 s"):
        verbs.confirm(machine.host, switch)


@pytest.mark.fault(22, how="every disk is full before the confirmation")
@pytest.mark.parametrize("how", [fill, exhaust])
def test_a_confirmation_needs_no_space(machine: Machine, how: Callable[..., None]) -> None:
    new = machine.release()
    machine.deploy(machine.release())
    switch = machine.activate(new)
    how(machine, OURS, STATE, SITES)

    verbs.confirm(machine.host, switch)

    assert machine.observe().confirmed == new.id
    assert machine.observe().last_outcome.startswith(f"confirmed {switch.token} ")
    free(machine, OURS, STATE, SITES)
    assert machine.observe().lease is None


def test_apache_would_not_survive_a_reload_when_its_pid_file_cannot_be_written(
    fleet: Fleet,
) -> None:
    machine = on_fleet(fleet.host(tmpfs={RUN: "size=64k,mode=755"}))
    release = machine.release()
    name = machine.stage(release)
    fill(machine, RUN)

    with pytest.raises(StepFailed, match="which Apache must at a reload"):
        verbs.activate(machine.host, release, name, new_switch(machine.host))

    assert machine.site_serves()
    assert machine.current == ""
