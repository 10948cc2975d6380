"""A release without sites: what is left when the last one was taken away."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import StepFailed
from deployer.release import Release
from tests.host.machine import Machine
from tests.host.releases import SERVER


@pytest.fixture
def shadow(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A host where namespaces are not allowed."""
    (tmp_path / "unshare").symlink_to(str(shutil.which("false")))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return machine


def empty(machine: Machine) -> Release:
    release = machine.release()
    kept = tuple(file for file in release.files if file.path in {"include.conf", SERVER})
    return replace(release, files=kept, ports=())


def test_it_is_rehearsed_and_switched_to(machine: Machine) -> None:
    machine.deploy(machine.release())

    machine.rehearse(empty(machine))
    machine.deploy(empty(machine))

    assert machine.current.startswith(empty(machine).id)
    assert machine.site_serves()


def test_it_is_rehearsed_in_the_shadow(shadow: Machine) -> None:
    assert shadow.rehearse(empty(shadow)) == "shadow"


def test_an_apache_that_would_listen_nowhere_is_not_left_to_die(shadow: Machine) -> None:
    listening = shadow.layout.config_root
    for path in Path(listening).rglob("*.conf"):
        path.write_text(path.read_text().replace("Listen ", "#Listen "))

    with pytest.raises(StepFailed, match="no listening sockets"):
        shadow.rehearse(empty(shadow))
