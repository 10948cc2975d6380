"""Ctrl-C and its like, in the middle of a run."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.processes import until
from tests.hosts.fleet import Fleet
from tests.hosts.prober import Prober
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.journey.workbench import command

Event = dict[str, Any]
SILENCE = b"""\
table inet test {
chain input {
type filter hook input priority 0
tcp dport 443 drop
}
}
"""


@pytest.fixture
def three(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    return FleetDesk(tmp_path / "project", founded, fleet.hosts(3))


@pytest.fixture
def two(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    return FleetDesk(tmp_path / "project", founded, fleet.hosts(2))


class Run:
    """A run whose events are read as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.events: list[Event] = []

    def read_until(self, found: Callable[[Event], bool]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if found(self.events[-1]):
                return
        raise AssertionError(f"never seen; {self.events} {self.process.stderr}")

    def hear(self, words: str) -> None:
        """Wait until something is said on standard error."""
        assert self.process.stderr is not None
        while words not in self.process.stderr.readline():
            assert self.process.poll() is None

    def end(self) -> tuple[int, str]:
        """Read the rest; return the exit status and what was said on standard error."""
        out, err = self.process.communicate(timeout=60)
        self.events += [json.loads(line) for line in out.splitlines()]
        return self.process.returncode, err


@contextmanager
def running(desk: FleetDesk, *options: str) -> Iterator[Run]:
    with subprocess.Popen(
        command(*APPLY, "--json", *options),
        cwd=desk.directory,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Run(process)
        finally:
            process.kill()


def begins(host: str, step: str) -> Callable[[Event], bool]:
    return lambda event: (
        (event.get("host"), event.get("step"), event.get("ended")) == (host, step, False)
    )


@pytest.mark.fault(45, how="SIGINT, SIGTERM, SIGHUP")
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_the_first_signal_finishes_what_is_in_flight_and_begins_nothing_else(
    three: FleetDesk, number: signal.Signals, status: int
) -> None:
    with running(three, "-f", "1") as run:
        run.read_until(begins("web1", "rehearse"))
        run.process.send_signal(number)
        ended, said = run.end()

    assert ended == status
    assert "finishing the hosts in flight" in said
    told = outcomes(run.events)
    assert (told["web1"], told["web3"]) == ("changed", "skipped")
    # The signal may come late, and meet the second host: what is told is true all the same.
    for name, outcome in told.items():
        assert bool(served(three, name)) is (outcome == "changed")


@pytest.mark.fault(45, how="SIGINT between batches")
def test_a_signal_between_batches_is_heeded_at_once(two: FleetDesk) -> None:
    with running(two, "--serial", "1", "--soak", "1h") as run:
        run.read_until(begins("controller", "soak"))
        run.process.send_signal(signal.SIGINT)
        ended, _ = run.end()

    assert ended == 130
    assert outcomes(run.events) == {"web1": "changed", "web2": "skipped"}


@pytest.mark.fault(45, how="SIGINT twice")
def test_the_second_signal_stops_at_once_and_the_host_keeps_itself_whole(two: FleetDesk) -> None:
    two.apply()
    before = served(two)
    two.write(hsts=True)
    host = two.hosts["web1"]
    # So that the probe waits, and nothing is confirmed before the second signal.
    host.exec(["nft", "-f", "-"], stdin=SILENCE)
    with Prober(host.site_url) as visitor:
        with running(two, "-f", "1", "--confirm-timeout", "2") as run:
            run.read_until(begins("web1", "probe"))
            run.process.send_signal(signal.SIGINT)
            run.hear("finishing")  # two signals that come at once are one
            run.process.send_signal(signal.SIGINT)
            ended, said = run.end()
        settled = until(lambda: not pending(two), timeout=30)

    assert ended == 130
    assert "stopped; what was begun on a host" in said
    assert settled
    assert served(two) == before
    assert visitor.failures == ()
    host.exec(["nft", "flush", "ruleset"])
    assert set(outcomes(two.apply()).values()) == {"changed"}


def served(desk: FleetDesk, name: str = "web1") -> bytes:
    root = desk.hosts[name].layout.root
    return desk.hosts[name].exec(["readlink", f"{root}/current"], check=False).stdout


def pending(desk: FleetDesk) -> bytes:
    find = "find /var/lib/deployer -name 'pending.*' -o -name 'undoing.*'"
    return desk.hosts["web1"].exec(["sh", "-c", find]).stdout
