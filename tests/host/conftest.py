"""Hosts for the host scripts: each shell that they must run in, and Debian's own Apache."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deployer.sandbox import Sandbox
from tests.host.machine import Machine, in_sandbox, on_fleet
from tests.hosts.fleet import FleetHost


@pytest.fixture
def machine(sandbox: Sandbox) -> Machine:
    """A sandbox, with whatever `sh` is on this computer."""
    return in_sandbox(sandbox)


@pytest.fixture(params=["dash", "busybox"])
def any_shell(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Machine:
    """
    A sandbox whose `sh` is this one.

    With busybox there is nothing else on PATH than its applets, as on a small Alpine host.
    """
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"{request.param} is not installed")
    words = tmp_path / "bin"
    words.mkdir()
    if request.param == "busybox":
        shutil.copy(found, words / "busybox")
        for applet in applets(found):
            (words / applet).symlink_to("busybox")
        monkeypatch.setenv("PATH", str(words))
    else:
        (words / "sh").symlink_to(found)
        monkeypatch.setenv("PATH", f"{words}:{os.environ['PATH']}")
    return in_sandbox(sandbox)


def applets(busybox: str) -> list[str]:
    listing = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.split() if name != "busybox"]


@pytest.fixture
def debian(fleet_host: FleetHost) -> Machine:
    """A fleet host with Debian's own Apache."""
    return on_fleet(fleet_host)
