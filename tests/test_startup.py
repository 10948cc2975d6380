"""How little is loaded before a command begins its work: people wait for it every time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "asyncio",
    "cryptography",
    "deployer.sandbox",
    "jinja2",
    "OpenSSL",
    "paramiko",
    "pydantic",
    "sqlalchemy",
)
# What commands load of all the rest. Whoever adds to it makes everybody wait a little longer.
MOST_MODULES = 360

HELP = ("--help",)
VERSION = ("--version",)
LIST = ("inventory", "list")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "deployer.toml").write_text('inventory = ["hosts.yml"]\n')
    (tmp_path / "hosts.yml").write_text("web:\n  hosts:\n    web[1:3]:\n  vars:\n    port: 443\n")
    return tmp_path


def loaded(project: Path, *arguments: str) -> set[str]:
    """Run a command for real, and return the modules that it has loaded."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "deployer", *arguments],
        cwd=project,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return of_importtime(ended.stderr)


def of_importtime(said: str) -> set[str]:
    lines = (line for line in said.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("command", [HELP, VERSION, LIST], ids=" ".join)
def test_what_a_command_does_not_need_is_not_loaded(
    project: Path, command: tuple[str, ...]
) -> None:
    modules = loaded(project, *command)

    assert "typer" in modules
    assert not [name for name in modules if name.split(".")[0] in HEAVY or name in HEAVY]
    assert len(modules) < MOST_MODULES, sorted(modules)


def test_paramiko_brings_nothing_along_that_nobody_needs() -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import deployer.transport.ssh"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = of_importtime(ended.stderr)

    assert "paramiko" in modules
    assert not {"asyncio", "unittest"} & modules


def test_nothing_is_drawn_for_a_pipe(project: Path) -> None:
    assert "rich" not in {name.split(".")[0] for name in loaded(project, *LIST)}


@pytest.mark.slow
@pytest.mark.parametrize("command", [HELP, LIST], ids=" ".join)
def test_a_command_takes_a_seventh_of_a_second(project: Path, command: tuple[str, ...]) -> None:
    # CPU time of the fastest of many: what a busy machine adds to a run is not in it.
    assert min(_cpu_seconds(project, *command) for _ in range(15)) < 0.15


def _cpu_seconds(project: Path, *arguments: str) -> float:
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", "deployer", *arguments],
        cwd=project,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
