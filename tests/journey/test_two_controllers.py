"""Two operators at one host: one works, the other is told who, waits, or comes too late."""

import copy
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from deployer.result import Outcome, Step
from deployer.store.state import Store
from tests.hosts.prober import Prober
from tests.journey.fleet_desk import APPLY
from tests.journey.paused import apply_paused_at
from tests.journey.workbench import Workbench

ROUNDS = 250
"""Times two states: five hundred."""


@pytest.fixture
def changing(live_desk: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """Something is to be changed on a host that is live."""
    monkeypatch.chdir(live_desk.directory)
    live_desk.vhosts = [live_desk.site(client_auth={"verify": "optional"})]
    live_desk.write_inventory()
    return live_desk


@pytest.mark.fault(47, how="a second run during the first")
def test_a_second_run_with_one_state_is_told_of_the_first_and_touches_nothing(
    changing: Workbench,
) -> None:
    with apply_paused_at(Step.STAGE) as first:
        second = changing.apply(status=75)

    assert ": apply (process " in second.stderr
    assert "--lock-timeout" in second.stderr
    assert [one.outcome for one in first] == [Outcome.CHANGED]
    assert changing.curl().stdout == "200"


@pytest.mark.fault(47, how="a second run during the first")
def test_it_waits_for_the_first_if_it_may(changing: Workbench) -> None:
    with apply_paused_at(Step.CONFIRM) as first:
        ended: list[object] = []
        waits = ("--lock-timeout", "60s")
        waiting = threading.Thread(target=lambda: ended.append(changing.apply(*waits)))
        waiting.start()
        waiting.join(timeout=1)
        assert not ended
    waiting.join(timeout=60)

    assert [one.outcome for one in first] == [Outcome.CHANGED]
    assert len(ended) == 1
    assert [one["outcome"] for one in changing.events("host", "apply")] == ["unchanged"]


@pytest.mark.fault(48, how="a run with a copy of the state, during the first")
@pytest.mark.parametrize(
    "step", [Step.REHEARSE, pytest.param(Step.PROBE, marks=pytest.mark.slow), Step.CONFIRM]
)
def test_a_host_that_one_state_is_at_work_on_is_left_alone_by_another(
    changing: Workbench, step: Step
) -> None:
    other = elsewhere(changing)

    with apply_paused_at(step) as first:
        second = other.apply(status=75)

    assert "skipped" in second.stdout
    held = "awaits its confirmation" if step is not Step.REHEARSE else ": apply, with deployer"
    assert held in second.stderr
    assert [one.outcome for one in first] == [Outcome.CHANGED]
    assert changing.curl().stdout == "200"


@pytest.mark.fault(49, how="a run that waits while another comes and goes")
def test_whoever_looked_before_another_came_and_went_is_refused(changing: Workbench) -> None:
    other = elsewhere(changing)
    other.vhosts = [changing.site(client_auth={"verify": "none"})]
    other.write_inventory()

    with apply_paused_at(Step.STAGE) as first:
        other.apply()

    assert [one.outcome for one in first] == [Outcome.SKIPPED]
    assert "another run has been here since this one looked" in first[0].summary
    assert changing.curl().stdout == "200", "what the other run brought serves"


@pytest.mark.fault(47, 48, how="two runs at once, five hundred times")
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("states", ["one", "two"])
def test_two_controllers_at_once_are_never_two_writers(live_desk: Workbench, states: str) -> None:
    first = live_desk
    second = elsewhere(first) if states == "two" else first
    endings: Counter[tuple[int, ...]] = Counter()

    with Prober(first.host.site_url) as visitor:
        for number in range(ROUNDS):
            for desk, age in ((first, 2 * number + 1), (second, 2 * number + 2)):
                desk.vhosts = [desk.site(client_auth={"verify": "optional"}, hsts=age)]
                desk.write_inventory()
            running = [applying(desk) for desk in (first, second)]
            ended = [ending(process) for process in running]
            endings[tuple(sorted(ended))] += 1
            # Whoever got the host brought it to its own release, whole; the other knows it.
            assert set(ended) <= {0, 75}, number
            assert 0 in ended, number
            state, root = first.host.layout.state_dir, first.host.layout.root
            left = f'ls "{state}" | grep -E "^(pending|undoing|lease|working|timer)"'
            assert not first.host.exec(["sh", "-c", left], check=False).stdout, number
            current = first.host.exec(["readlink", f"{root}/current"]).stdout.decode()
            last = first.host.exec(["cat", f"{state}/last"]).stdout.decode().split()
            assert (last[0], last[2]) == ("confirmed", current.strip().rpartition("/")[2]), number

    assert visitor.failures == ()
    assert endings[0, 75] > ROUNDS // 10, "they met each other"
    known = {serial for desk in {first.directory, second.directory} for serial in serials(desk)}
    assert served_serial(first) in known


def applying(desk: Workbench) -> subprocess.Popen[bytes]:
    """Begin an apply, and do not wait for it."""
    arguments = (sys.executable, "-X", "faulthandler", "-m", "deployer", *APPLY)
    return subprocess.Popen(
        arguments, cwd=desk.directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def ending(process: subprocess.Popen[bytes]) -> int:
    """Wait for an apply; one that does not end says where each of its threads is."""
    try:
        process.communicate(timeout=120)
    except subprocess.TimeoutExpired as error:
        process.send_signal(signal.SIGABRT)
        error.add_note(process.communicate()[1].decode())
        raise
    return process.returncode


def serials(directory: Path) -> set[int]:
    """The serial numbers of all server certificates on record."""
    with Store.open(directory / ".deployer", now=datetime.now(UTC)) as store:
        return {one.serial for one in store.certificates.list(kind="server")}


def served_serial(desk: Workbench) -> int:
    pem = ssl.get_server_certificate((desk.host.address, desk.port))
    return load_pem_x509_certificate(pem.encode()).serial_number


def elsewhere(desk: Workbench) -> Workbench:
    """The same project and the same CA on the computer of a colleague."""
    other = copy.copy(desk)
    other.directory = desk.directory.with_name("elsewhere")
    shutil.copytree(desk.directory, other.directory)
    return other
