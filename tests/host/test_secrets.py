"""Private keys: in the staged stream, in files that only their owner reads, and nowhere else."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.host.machine import Machine
from tests.host.releases import KEY, key

# Every command that a script runs, with its arguments and its environment.
RECORDER = """\
#!{sh}
{{ printf '%s\\n' "{name} $*"; {env}; }} >>{log}
exec {program} "$@"
"""


@pytest.fixture
def recorded(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of every command that is started by name on this host."""
    words, log = tmp_path / "bin", tmp_path / "log"
    words.mkdir()
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    for name in COMMANDS:
        program = shutil.which(name, path=path)
        assert program, name
        text = RECORDER.format(
            sh=os.path.realpath("/bin/sh"),
            env=shutil.which("env"),
            name=name,
            log=log,
            program=program,
        )
        (words / name).write_text(text)
        (words / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{words}:{path}")
    return log


COMMANDS = (
    *("awk", "basename", "cat", "chmod", "cp", "cut", "date", "dd", "df", "dirname", "find"),
    *("grep", "head", "id", "ip", "ln", "ls", "mkdir", "mount", "mv", "readlink", "rm", "sed"),
    *("setsid", "sh", "sha256sum", "sleep", "sort", "sync", "tail", "tar", "touch", "tr"),
    *("unshare",),
)


def test_no_key_is_in_any_argument_or_environment(machine: Machine, recorded: Path) -> None:
    old, new = machine.release(), machine.release()
    machine.rehearse(old)
    machine.deploy(old)
    machine.deploy(machine.kept(new))
    machine.undo(machine.activate(machine.release()))

    said = recorded.read_text()

    assert said.count("\n") > 1000
    assert f"sha256sum {machine.root}" in said
    assert not [line for line in secret_lines() if line in said]


def test_no_key_is_in_any_file_but_its_own(machine: Machine) -> None:
    old = machine.release()
    machine.rehearse(old)
    machine.deploy(old)
    machine.deploy(machine.kept(machine.release()))
    machine.undo(machine.activate(machine.release()))
    machine.activate(machine.release())

    found = {
        path: stat.S_IMODE(path.stat().st_mode)
        for directory in (machine.state, Path(machine.layout.config_root))
        for path in directory.rglob("*")
        if path.is_file()
        and any(line in path.read_bytes() for line in map(str.encode, secret_lines()))
    }

    assert found
    assert all(str(path).endswith(f"/{KEY}") for path in found)
    assert {path.relative_to(machine.root).parts[0] for path in found} <= {"releases", "current"}
    assert set(found.values()) == {0o600}


def test_what_is_not_the_worlds_business_is_not_readable_by_it(machine: Machine) -> None:
    machine.deploy(machine.release())
    machine.activate(machine.release())

    for path in [machine.state, *machine.state.iterdir()]:
        if not path.is_symlink() and path != machine.state / "confirmed":
            assert path.stat().st_mode & 0o077 == 0, path


def secret_lines() -> list[str]:
    """The body of the key: no line of it may show."""
    return [line for line in key().decode().splitlines() if "-----" not in line]
