"""What a host tells of the releases that it keeps, and an Apache that is started with one."""

import os
import signal
from dataclasses import replace

import pytest

from deployer.apache.written import sites_of
from deployer.errors import NeedsHands, StepFailed
from deployer.host import verbs
from deployer.host.script import Host
from deployer.release import Release
from deployer.sandbox.processes import until
from tests.host.machine import Machine, new_switch
from tests.host.releases import CRL, FULLCHAIN, KEY, SITE, TRUST, key


def stop(machine: Machine) -> None:
    """End Apache, and wait until it has ended."""
    pid_file = machine.lab.root / machine.layout.pid_file.lstrip("/")
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    assert until(lambda: machine.observe().apache_pid is None, timeout=10)


def test_a_host_tells_what_it_keeps_and_of_a_key_its_digest_alone(any_shell: Machine) -> None:
    first, second = any_shell.release(), any_shell.release()
    any_shell.deploy(first)
    any_shell.deploy(second)
    # What is of the same second has no order for the ls of busybox.
    os.utime(any_shell.root / "releases" / first.id, (0, 0))

    kept = verbs.kept(any_shell.host)

    assert kept.names == (second.id, first.id)
    assert (kept.before, kept.name) == (first.id, first.id)
    assert kept.release().manifest == first.manifest
    assert kept.edited == ()
    assert kept.files[KEY].digest == first.file(KEY).digest
    assert kept.certificates.keys() == {FULLCHAIN, TRUST}
    assert kept.certificates[FULLCHAIN].encode().count(b"BEGIN") == 2
    assert kept.lists.keys() == {CRL}
    assert kept.texts[SITE].encode() == first.file(SITE).content
    (site,) = sites_of(kept.texts)
    assert (site.server_name, site.verify, site.revocation) == ("one.test", "optional", "chain")
    said = any_shell.host.run("kept", "").stdout
    assert not [line for line in key().splitlines()[1:-1] if line in said]


def test_the_release_before_is_found_although_the_live_one_was_confirmed_twice(
    machine: Machine,
) -> None:
    first, second = machine.release(), machine.release()
    machine.deploy(first)
    machine.deploy(second)
    machine.deploy(second)

    assert verbs.kept(machine.host).before == first.id


def test_a_release_is_found_by_its_beginning_if_that_is_nobody_elses(machine: Machine) -> None:
    first = machine.release()
    machine.deploy(first)

    assert verbs.kept(machine.host).name == ""
    assert verbs.kept(machine.host, first.id[:5]).name == first.id
    assert verbs.kept(machine.host, "-").name == ""
    (machine.root / "releases" / f"{first.id}.2").mkdir()
    assert verbs.kept(machine.host, first.id[:5]).name == ""
    assert verbs.kept(machine.host, first.id).name == first.id


def test_what_was_edited_shows_and_a_manifest_that_was_is_not_believed(machine: Machine) -> None:
    first = machine.release()
    machine.deploy(first)
    directory = machine.root / "releases" / first.id
    (directory / SITE).write_text("# mine\n")

    edited = verbs.kept(machine.host, first.id)
    (directory / "MANIFEST").write_text(first.manifest.replace("module ssl", "module dav"))

    assert edited.edited == (SITE,)
    assert edited.release().file(SITE).content is None
    with pytest.raises(ValueError, match="its manifest was edited"):
        verbs.kept(machine.host, first.id).release()


def back(machine: Machine, release: Release, *, starts: bool = True, timeout: int = 60) -> str:
    """Activate a release that lies on the host already, and return the token."""
    switch = new_switch(machine.host, timeout=timeout)
    verbs.rehearse(machine.host, release, release.id, switch)
    verbs.activate(machine.host, release, release.id, switch, starts=starts)
    return switch.token


def test_a_dead_apache_is_started_when_that_is_the_wish_and_not_otherwise(
    any_shell: Machine,
) -> None:
    first, second = any_shell.release(), any_shell.release()
    any_shell.deploy(first)
    any_shell.deploy(second)
    stop(any_shell)

    with pytest.raises(StepFailed, match="Apache is not running"):
        back(any_shell, first, starts=False)
    assert any_shell.current == second.id
    assert any_shell.in_flight() == []

    token = back(any_shell, first)
    assert any_shell.serves(first)
    assert f" reloaded {token}" in any_shell.journal


def test_a_start_that_nobody_confirms_ends_on_the_release_of_before(machine: Machine) -> None:
    first, second = machine.release(), machine.release()
    machine.deploy(first)
    machine.deploy(second)
    stop(machine)

    token = back(machine, first, timeout=1)

    machine.await_last(f"rolled_back {token} ")
    assert machine.current == second.id
    assert machine.serves(second)


@pytest.mark.slow
@pytest.mark.fault(38)
def test_a_start_that_fails_is_told_of_with_what_to_do_by_hand(machine: Machine) -> None:
    first, second = machine.release(), machine.release()
    machine.deploy(first)
    machine.deploy(second)
    stop(machine)
    host, layout = machine.host, replace(machine.layout, start=("sh", "-c", "echo no >&2; exit 1"))
    broken = replace(machine, host=Host(host.name, host.transport, layout, host.address))

    with pytest.raises(NeedsHands, match="Apache did not start") as caught:
        back(broken, first)

    assert "deployer rollback web1" in caught.value.hint
    assert machine.current == second.id
    assert machine.last.startswith("needs_hands")
