"""Staging: a release is complete and verified before it has a name, and nothing else changes."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import Locked, StepFailed
from deployer.host import verbs
from deployer.host.script import Host, script_text
from deployer.host.verbs import Switch
from deployer.release import File, Release
from deployer.sandbox import Sandbox
from deployer.sandbox.processes import until
from deployer.transport import Completed
from deployer.transport.local import Local
from tests.host.kill import Killed, steps_of
from tests.host.machine import InSandbox, Machine, claim, new_switch
from tests.host.releases import KEY, SITE


def names(machine: Machine) -> set[str]:
    return {path.name for path in (machine.root / "releases").iterdir()}


def lies(machine: Machine, name: str, release: Release) -> bool:
    """Say whether a release lies on the host exactly as it should."""
    directory = machine.root / "releases" / name
    there = {
        str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in directory.rglob("*")
        if not path.is_dir()
    }
    manifest = there.pop("MANIFEST")
    return manifest == (release.manifest.encode(), 0o644) and there == {
        file.path: (file.content, file.mode) for file in release.files
    }


def test_a_staged_release_is_exactly_what_was_sent(any_shell: Machine) -> None:
    release = any_shell.release()
    before = any_shell.configuration()

    name = any_shell.stage(release)

    assert name == release.id
    assert names(any_shell) == {name}
    assert lies(any_shell, name, release)
    assert (any_shell.root / "releases" / name / KEY).stat().st_mode & 0o777 == 0o600
    assert any_shell.current == ""
    assert any_shell.configuration() == before


def test_a_key_that_the_controller_does_not_have_is_copied_from_the_live_release(
    any_shell: Machine,
) -> None:
    old = any_shell.release()
    any_shell.deploy(old)
    new = any_shell.release(extra="# another")

    name = any_shell.stage(any_shell.kept(new))

    assert lies(any_shell, name, new)
    copied, original = (any_shell.root / "releases" / id_ / KEY for id_ in (name, old.id))
    assert copied.stat().st_ino != original.stat().st_ino


def test_only_what_the_host_lacks_travels(machine: Machine) -> None:
    machine.deploy(machine.release())
    found = machine.observe()
    new = machine.release()
    payload = new.to_tar({path: file.digest for path, file in found.files.items()})

    assert b"PRIVATE KEY" not in payload
    assert b"X509 CRL" not in payload
    assert lies(machine, verbs.stage(machine.host, new, found, new_switch(machine.host)), new)


def test_a_key_that_nobody_has_is_named(machine: Machine) -> None:
    release = machine.kept(machine.release())

    with pytest.raises(StepFailed, match=f"neither sent nor on this host: {KEY}"):
        machine.stage(release)

    assert names(machine) == set()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_flipped_bit_is_refused_and_leaves_nothing_behind(machine: Machine, share: float) -> None:
    release = machine.release()
    payload = bytearray(release.to_tar({}).rstrip(b"\0"))
    payload[int(len(payload) * share)] ^= 4

    done = machine.host.run(
        "stage", *claim(machine), release.id, payload=bytes(payload) + bytes(10240)
    )

    assert done.status == 1
    assert done.last_words
    assert names(machine) == set()


@pytest.mark.fault(5, 8, how="a transfer cut off after so many bytes")
@pytest.mark.parametrize("share", [0.2, 0.8])
def test_a_transfer_that_breaks_off_is_refused(any_shell: Machine, share: float) -> None:
    release = any_shell.release()
    payload = release.to_tar({}).rstrip(b"\0")

    done = any_shell.host.run(
        "stage", *claim(any_shell), release.id, payload=payload[: int(len(payload) * share)]
    )

    assert done.status == 1
    assert names(any_shell) == set()


@pytest.mark.fault(8, how="a connection that ends within the script")
def test_a_connection_that_breaks_off_within_the_script_runs_nothing(
    machine: Machine, sandbox: Sandbox
) -> None:
    release = machine.release()

    class Cut(InSandbox):
        def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
            half = len(script_text("stage", sandbox.layout)) // 2
            return super().run(argv, stdin=stdin[:half], timeout=timeout)

    host = Host("web1", Cut(sandbox), sandbox.layout, "")
    with pytest.raises(StepFailed, match="did not arrive whole"):
        verbs.stage(host, release, machine.observe(), new_switch(machine.host))

    assert not machine.root.exists()


def test_staging_twice_is_staging_once(any_shell: Machine) -> None:
    release = any_shell.release()
    first = any_shell.stage(release)
    inode = (any_shell.root / "releases" / first).stat().st_ino

    assert any_shell.stage(release) == first
    assert names(any_shell) == {first}
    assert (any_shell.root / "releases" / first).stat().st_ino == inode


def test_a_large_release_that_is_there_already_is_read_to_its_end(machine: Machine) -> None:
    release = machine.release(replaced={"trust/large.pem": os.urandom(500_000)})
    machine.stage(release)
    found = machine.observe()

    assert verbs.stage(machine.host, release, found, new_switch(machine.host)) == release.id


def edit(directory: Path) -> None:
    (directory / SITE).write_text("# edited\n")


def expose(directory: Path) -> None:
    (directory / KEY).chmod(0o644)


def add(directory: Path) -> None:
    (directory / "sites" / "extra.conf").write_text("# extra\n")


def add_link(directory: Path) -> None:
    (directory / "sites" / "extra.conf").symlink_to("/etc/passwd")


def remove(directory: Path) -> None:
    (directory / KEY).unlink()


def forge(directory: Path) -> None:
    (directory / "MANIFEST").write_text("deployer-release 1\n")


DAMAGES = [edit, expose, add, add_link, remove, forge]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_live_release_is_left_alone_and_built_a_second_time(
    machine: Machine, damage: Callable[[Path], None]
) -> None:
    release = machine.release()
    machine.deploy(release)
    live = machine.root / "releases" / release.id
    damage(live)
    damaged = contents(live)

    name = machine.stage(release)

    assert name == f"{release.id}.2"
    assert contents(live) == damaged
    assert lies(machine, name, release)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_release_that_is_not_live_is_rebuilt(
    machine: Machine, damage: Callable[[Path], None]
) -> None:
    release = machine.release()
    directory = machine.root / "releases" / machine.stage(release)
    damage(directory)

    assert machine.stage(release) == release.id
    assert lies(machine, release.id, release)
    assert names(machine) == {release.id}


def test_damage_to_the_second_copy_leads_back_to_the_first_name(machine: Machine) -> None:
    release = machine.release()
    machine.deploy(release)
    edit(machine.root / "current")
    machine.deploy(release)
    assert machine.current == f"{release.id}.2"
    edit(machine.root / "current")

    machine.deploy(release)

    assert machine.current == release.id
    assert lies(machine, release.id, release)


def test_a_vanished_live_release_does_not_go_live_by_being_staged(machine: Machine) -> None:
    release = machine.release()
    machine.deploy(release)
    (machine.root / "releases" / release.id).rename(machine.root / "elsewhere")

    assert machine.stage(release) == f"{release.id}.2"
    assert not (machine.root / "current").exists()


def test_nothing_is_staged_while_a_switch_is_in_flight(machine: Machine) -> None:
    old = machine.release()
    machine.deploy(old)
    live = machine.activate(machine.release(), holder="alice@laptop: apply")
    before = names(machine)

    with pytest.raises(Locked, match="held by alice@laptop: apply"):
        machine.stage(machine.release())

    assert names(machine) == before
    verbs.confirm(machine.host, live)


def test_of_many_controllers_at_once_one_stages(machine: Machine) -> None:
    wanted = [machine.release() for _ in range(4)]
    found, claims = machine.observe(), [new_switch(machine.host) for _ in wanted]

    def gains(release: Release, switch: Switch) -> bool:
        try:
            return verbs.stage(machine.host, release, found, switch) == release.id
        except Locked:
            return False

    with ThreadPoolExecutor(len(wanted)) as pool:
        gained = list(pool.map(gains, wanted, claims))

    (staged,) = (release for release, first in zip(wanted, gained, strict=True) if first)
    assert names(machine) == {staged.id}
    assert lies(machine, staged.id, staged)


def test_a_stage_that_was_killed_is_cleared_by_the_next(machine: Machine, sandbox: Sandbox) -> None:
    release = machine.release()
    steps = steps_of(sandbox, "stage", *claim(machine), release.id, payload=release.to_tar({}))
    for step in range(5, steps, max(1, steps // 8)):
        release = machine.release()
        payload = release.to_tar({})

        host = Host("web1", Killed(sandbox, at=step), sandbox.layout, "")
        assert host.run("stage", *claim(machine), release.id, payload=payload).status == 137

        assert machine.stage(release) == release.id
        assert lies(machine, release.id, release)
        assert not [name for name in names(machine) if name.startswith(".")]


def test_keys_are_never_readable_by_others_not_even_while_they_arrive(
    any_shell: Machine,
) -> None:
    secret = File.of(KEY, os.urandom(200_000), secret=True)
    release = any_shell.release()
    others = tuple(file for file in release.files if file.path != KEY)
    release = replace(release, files=(*others, secret))
    any_shell.observe()
    slowly = Trickle(any_shell.root)

    any_shell_host = replace(any_shell.host, transport=slowly)
    any_shell_host.run("stage", *claim(any_shell), release.id, payload=release.to_tar({}))

    assert slowly.modes
    assert set(slowly.modes) == {0o600}
    assert lies(any_shell, release.id, release)


class Trickle(Local):
    """Half of what is sent arrives, and the rest when the key has been looked at."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.modes: list[int] = []

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        # Whatever the umask of the session that we are given.
        loosely = ("sh", "-c", 'umask 000; exec "$@"', "session", *argv)
        with subprocess.Popen(
            loosely, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            half = len(stdin) // 2
            feeder = threading.Thread(target=feed, args=(process.stdin.fileno(), stdin[:half]))
            feeder.start()
            assert until(lambda: any(True for _ in self._keys()), timeout=10)
            feeder.join()
            self.modes += [path.stat().st_mode & 0o777 for path in self._keys()]
            feed(process.stdin.fileno(), stdin[half:])
            stdout, stderr = process.communicate(timeout=timeout)
            return Completed(status=process.returncode, stdout=stdout, stderr=stderr)

    def _keys(self) -> Iterator[Path]:
        return self.root.glob(f"releases/.staging.*/{KEY}")


def feed(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def contents(directory: Path) -> dict[Path, tuple[int, bytes]]:
    return {
        path: (path.stat().st_mode, path.read_bytes())
        for path in directory.rglob("*")
        if path.is_file()
    }
