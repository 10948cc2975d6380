"""Ctrl-C and its like, in the middle of a run."""

import json
import os
import pty
import re
import resource
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.processes import until
from tests.hosts.fleet import Fleet
from tests.hosts.prober import Prober
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.journey.workbench import command, deployer

Event = dict[str, Any]
# The first terminal that the leader of a session opens is the one that it hangs up with.
ON_TERMINAL = 'exec <>"$1" >&0 2>&0; shift; exec "$@"'
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
def running(
    desk: FleetDesk, *options: str, group: bool = False, form: str = "--json"
) -> Iterator[Run]:
    """Apply in the background; with `group` in a process group of its own, as shells do it."""
    with subprocess.Popen(
        command(*APPLY, form, *options),
        cwd=desk.directory,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0 if group else None,
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


@pytest.mark.slow
@pytest.mark.fault(45)
def test_a_signal_while_hosts_are_looked_at_ends_it_with_nothing_begun(two: FleetDesk) -> None:
    two.hosts["web2"].unplug()
    with running(two, "-f", "1", "-T", "2") as run:
        run.read_until(begins("web2", "observe"))
        run.process.send_signal(signal.SIGTERM)
        ended, _ = run.end()

    assert ended == 143
    assert not served(two, "web1")
    assert recorded(two) == "interrupted"


@pytest.mark.slow
@pytest.mark.fault(45)
def test_a_terminal_that_is_closed_ends_it_like_a_signal(two: FleetDesk) -> None:
    ours, theirs = pty.openpty()
    verbose = command(*APPLY, "-v", "-f", "1", "--serial", "1")
    with subprocess.Popen(
        ["sh", "-c", ON_TERMINAL, "sh", os.ttyname(theirs), *verbose],
        cwd=two.directory,
        env={**os.environ, "NO_COLOR": "1"},
        start_new_session=True,
    ) as process:
        # The second host lies ready as well by now, and its turn has not come.
        said = b""
        while b"web1  activate" not in said:
            said += os.read(ours, 4096)
        os.close(theirs)
        os.close(ours)
        ended = process.wait(timeout=60)

    assert ended == 129
    assert recorded(two) == "interrupted"
    assert served(two, "web1")
    assert not served(two, "web2")


@pytest.mark.fault(46)
@pytest.mark.parametrize("form", [pytest.param("--json", marks=pytest.mark.slow), "-v"])
def test_a_reader_that_leaves_ends_it_like_a_signal(three: FleetDesk, form: str) -> None:
    with running(three, "-f", "1", form=form) as run:
        if form == "--json":
            run.read_until(begins("web1", "rehearse"))
        else:  # nothing is written to stdout before the end
            run.hear("web1  stage")
        assert run.process.stdout is not None
        run.process.stdout.close()
        assert run.process.wait(timeout=60) == 128 + signal.SIGPIPE

    assert recorded(three) == "nobody read what it said"
    assert served(three, "web1")
    assert not served(three, "web3")
    shown = deployer(three.directory, "runs", "show").stdout
    assert re.search(r"^web3 +skipped$", shown, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.fault(46)
@pytest.mark.parametrize(
    ("redirection", "status"),
    [("| exit", 128 + signal.SIGPIPE), (">/dev/full", 1), (">&-", 1), ("--json >/dev/full", 1)],
)
def test_a_run_that_nobody_hears_from_the_first_word_on_touches_nothing(
    two: FleetDesk, redirection: str, status: int
) -> None:
    line = f"{shlex.join(command(*APPLY))} {redirection}; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], cwd=two.directory, check=False)

    assert ended.returncode == status
    assert not served(two, "web1")
    assert not served(two, "web2")


@pytest.mark.slow
@pytest.mark.fault(46)
def test_a_controller_without_memory_leaves_hosts_whole(two: FleetDesk) -> None:
    two.apply()
    two.write(hsts=True)
    with Prober(two.hosts["web1"].site_url) as visitor:
        with running(two, "-f", "1", "--confirm-timeout", "2") as run:
            run.read_until(begins("web1", "activate"))
            # From now on nothing more than it has. It may end by itself; the kernel would not wait.
            resource.prlimit(run.process.pid, resource.RLIMIT_AS, (1, 1))
            with suppress(subprocess.TimeoutExpired):
                run.process.wait(timeout=10)
            run.process.kill()
        assert until(lambda: not pending(two), timeout=30)

    assert visitor.failures == ()
    assert set(outcomes(two.apply()).values()) <= {"changed", "unchanged"}


@pytest.mark.slow
@pytest.mark.fault(46)
def test_a_disk_of_the_state_that_is_full_begins_no_other_host(
    three: FleetDesk, request: pytest.FixtureRequest
) -> None:
    state = three.directory / ".deployer"
    aside = state.rename(three.directory / "aside")
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(state)], check=True)
    request.addfinalizer(lambda: subprocess.run(["umount", str(state)], check=True))
    shutil.copytree(aside, state, dirs_exist_ok=True)

    with running(three, "--serial", "1") as run:
        run.read_until(begins("web1", "activate"))
        fill(state)
        ended, said = run.end()

    assert ended == 2
    told = outcomes(run.events)
    assert (told["web1"], told["web3"]) == ("changed", "skipped")
    assert "the log of the run cannot be written" in said
    (state / "filler").unlink()
    assert set(outcomes(three.apply()).values()) == {"changed", "unchanged"}


def fill(directory: Path) -> None:
    """Leave no byte free in a small file system."""
    with (directory / "filler").open("wb", 0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def recorded(desk: FleetDesk) -> str:
    """How the last run ended, as far as its record knows."""
    run = json.loads(deployer(desk.directory, "runs", "show", "--json").stdout.splitlines()[-1])
    return str(run["ending"])


def served(desk: FleetDesk, name: str = "web1") -> bytes:
    root = desk.hosts[name].layout.root
    return desk.hosts[name].exec(["readlink", f"{root}/current"], check=False).stdout


def pending(desk: FleetDesk) -> bytes:
    find = "find /var/lib/deployer -name 'pending.*' -o -name 'undoing.*'"
    return desk.hosts["web1"].exec(["sh", "-c", find]).stdout
