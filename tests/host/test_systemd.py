"""Where systemd runs the host: the timer is a unit of its own, and Apache stays a service."""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.errors import RolledBack
from deployer.host import verbs
from deployer.host.script import Host
from deployer.host.verbs import Switch
from deployer.layouts import DEBIAN
from deployer.release import Release
from deployer.sandbox.processes import SYSTEM_PATH, until
from deployer.transport import Completed, Stream
from tests.host import releases
from tests.host.machine import new_switch
from tests.host.releases import KEY, another_key
from tests.hosts.network import unavailable

pytestmark = pytest.mark.fleet

NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")
SYSTEMD = Path("/lib/systemd/systemd")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine whose first process is systemd. As a transport, it runs commands there."""

    pid: int

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        enter = ["nsenter", f"--target={self.pid}", *NAMESPACES, "--root", "--wd", "--", *argv]
        ended = subprocess.run(
            enter,
            input=stdin,
            capture_output=True,
            env={"PATH": SYSTEM_PATH},
            timeout=timeout,
            check=False,
        )
        return Completed(status=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        raise NotImplementedError

    def close(self) -> None:
        pass

    @property
    def host(self) -> Host:
        return Host("web1", self, DEBIAN, "127.0.0.1")

    def says(self, command: str) -> str:
        return self.run(["sh", "-c", command], timeout=10).stdout.decode().strip()

    def units(self) -> str:
        return self.says("systemctl list-units --all --plain --no-legend 'deployer*'")

    def is_serving(self) -> bool:
        """Say whether systemd's Apache is the one that runs."""
        main = self.says("systemctl show --property=MainPID --value apache2")
        active = self.says("systemctl is-active apache2")
        return active == "active" and main == str(verbs.observe(self.host).apache_pid)

    def stage(self, release: Release, switch: Switch) -> str:
        return verbs.stage(self.host, release, verbs.observe(self.host), switch)


@pytest.fixture
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep other workers out: two systemds in one tree of cgroups end each other's services."""
    with (tmp_path_factory.getbasetemp().parent / "systemd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def machine(tmp_path: Path, _alone: None) -> Iterator[Machine]:
    """A machine that has just booted."""
    if reason := unavailable():
        pytest.skip(reason)
    if not SYSTEMD.exists():
        pytest.skip("systemd is not installed")
    script = Path(__file__).with_name("systemd.sh")
    with subprocess.Popen(
        ["unshare", *NAMESPACES, "--fork", "sh", str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        machine = Machine(int(process.stdout.readline()))
        try:
            is_up = "systemctl is-active apache2 && test -s /run/apache2/apache2.pid"
            if not until(lambda: machine.says(is_up) == "active", timeout=10):
                pytest.skip("systemd does not boot in namespaces here")
            yield machine
        finally:
            os.kill(machine.pid, signal.SIGKILL)
    # The machine's root was mounted in its own namespace and has gone with it.
    shutil.rmtree(tmp_path)


def release() -> Release:
    return releases.release(DEBIAN, port=443, documents="/var/www/html")


def test_the_timer_is_a_unit_of_its_own_until_the_confirmation(machine: Machine) -> None:
    new, switch = release(), new_switch(machine.host)
    name = machine.stage(new, switch)
    assert verbs.rehearse(machine.host, new, name, switch) == "whole"

    verbs.activate(machine.host, new, name, switch)
    armed = machine.units()
    verbs.confirm(machine.host, switch)

    assert armed.startswith(f"deployer-undo-{switch.token}.service loaded active running")
    assert until(lambda: machine.units() == "", timeout=10)
    assert until(lambda: machine.says("pgrep sleep") == "", timeout=10)
    assert verbs.observe(machine.host).confirmed == new.id
    assert until(machine.is_serving, timeout=10)  # systemd sees to it in its own time


def test_the_unit_undoes_what_nobody_confirms_and_clears_up_after_itself(machine: Machine) -> None:
    new, switch = release(), new_switch(machine.host, timeout=1)

    verbs.activate(machine.host, new, machine.stage(new, switch), switch)

    outcome = f"rolled_back {switch.token}"
    assert until(lambda: verbs.observe(machine.host).last_outcome.startswith(outcome), timeout=10)
    assert until(lambda: machine.units() == "", timeout=10)
    assert until(machine.is_serving, timeout=10)  # systemd sees to it in its own time
    assert machine.says("ls /var/lib/deployer").split() == [
        *("free.3", "generation", "journal", "last", "reload.log")
    ]


def test_an_apache_that_died_of_the_reload_is_a_service_again(machine: Machine) -> None:
    new, switch = release(), new_switch(machine.host)
    name = machine.stage(new, switch)
    key = f"{DEBIAN.root}/releases/{name}/{KEY}"
    machine.run(["sh", "-c", f"cat >{key}"], stdin=another_key(), timeout=10)

    with pytest.raises(RolledBack, match="AH02565"):
        verbs.activate(machine.host, new, name, switch)

    assert until(machine.is_serving, timeout=10)  # systemd sees to it in its own time
    assert machine.units() == ""


def test_an_undo_by_the_unit_starts_a_dead_apache_as_a_service(machine: Machine) -> None:
    new, switch = release(), new_switch(machine.host, timeout=1)
    verbs.activate(machine.host, new, machine.stage(new, switch), switch)
    machine.says("systemctl stop apache2")

    outcome = f"rolled_back {switch.token}"
    assert until(lambda: verbs.observe(machine.host).last_outcome.startswith(outcome), timeout=10)
    assert until(machine.is_serving, timeout=10)
