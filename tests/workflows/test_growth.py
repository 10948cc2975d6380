"""Twice as many hosts take twice as long: nothing in a run compares every host with every other."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.fleet.threads import Threads
from deployer.fleet.workplace import Workplace
from deployer.report import plans, results
from deployer.result import Event, HostResult, Outcome, Step
from deployer.rolling import Strategy, serial
from deployer.spec.connection import Connection
from deployer.store.deployments import Deployed
from deployer.store.runs import Runs
from deployer.transport import Completed, Stream
from deployer.workflows.preview import Preview, preview
from deployer.workflows.survey import Target
from tests.journey.workbench import SITE, found_ca

MOST = 2.6
"""Times what half as many take; a quadratic step would make it 4."""
TOO_SHORT = 0.2
"""Seconds; less than that is no measurement."""
OBSERVED = """
deployer-observation
clock {clock}
user 0
machine 1ef5adff-1bfa-48de-a497-91442144cf14 mnt:[{number}]
system debian
layout debian
address 10.0.0.1
version 2.4.66
existing Loaded Modules:
existing  core_module (static)
existing  mpm_event_module (shared)
apache 61
processes 2
openssl 3.0.19
fence 0
module mpm_event
end
"""


@dataclass(frozen=True)
class Answering:
    """A host that is as Debian's Apache is after installation, and that nobody connects to."""

    number: int

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        del stdin, timeout
        assert argv[3] == "observe"
        said = OBSERVED.format(clock=int(time.time()), number=self.number)
        return Completed(status=0, stdout=said.encode(), stderr=b"")

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        raise ConnectionRefusedError(address, port, timeout)

    def close(self) -> None: ...


class Answers:
    """The way to any number of such hosts."""

    def __call__(self, connection: Connection) -> Answering:
        return Answering(int(connection.name.removeprefix("web")))

    def close(self) -> None: ...


def write(directory: Path, count: int) -> None:
    hosts = {f"web{number:05d}": {"ansible_host": f"10.1.{number >> 8}.{number & 255}"}
             for number in range(count)}  # fmt: skip
    site = {
        "server_name": SITE,
        "document_root": "/srv/www",
        "client_auth": {"verify": "require"},
    }
    groups = {"web": {"hosts": hosts, "vars": {"ansible_user": "root", "apache_vhosts": [site]}}}
    (directory / "hosts.yml").write_text(json.dumps(groups))


def a_run(directory: Path) -> dict[str, float]:
    """Everything that a run over hosts does on this computer, and what each part of it took."""
    taken: dict[str, float] = {}
    found: list[Target] = []
    seen: list[Preview] = []

    def timed(what: str, part: Callable[[], object]) -> None:
        begun = time.process_time()
        part()
        taken[what] = time.process_time() - begun

    with HostSession(Common(as_json=True)) as session:
        timed("targets", lambda: found.extend(session.targets("all,web*")))
        names = [target.name for target in found]
        timed("batches", lambda: Strategy(serial=serial("1"), order="shuffle").batches(names))
        with closing(Threads(Workplace(Answers()), forks=session.project.forks)) as executor:
            session.executor = executor
            survey, operator = session.survey(), session.operator()
            timed("preview", lambda: seen.append(preview(survey, found, operator)))
        (one,) = seen
        assert len(one.changing) == len(names)
        timed("shown", lambda: plans.show_json(one, final=True))
        deployed = [
            Deployed.of(host.target.name, host.plan.release, host.platform, at=session.now)
            for host in one.hosts
        ]
        timed("recorded", lambda: session.store.deployments.record(deployed))
        timed("recorded again", lambda: session.store.deployments.record(deployed))
        done = [HostResult(host=name, outcome=Outcome.CHANGED) for name in names]
        timed("results", lambda: results.show_json(done))
        timed("log", lambda: log(session.project.state, done))
    return taken


def log(state: Path, done: Sequence[HostResult]) -> None:
    with Runs(state).begin(command="apply", operator="me", version="1") as recorder:
        for one in done:
            recorder.step(Event(host=one.host, step=Step.STAGE, ended=False))
            recorder.host(one)
    past = Runs(state).last()
    assert past is not None
    assert not past.in_flight


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found_ca(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def grown(desk: Path, counts: Sequence[int]) -> list[dict[str, float]]:
    every = []
    for count in counts:
        write(desk, count)
        # What is printed is part of the work, and nobody wants to read it.
        with Path(os.devnull).open("w") as nobody, contextlib.redirect_stdout(nobody):
            every.append(a_run(desk))
    return every


def check(every: Sequence[dict[str, float]]) -> None:
    """Hold every part, and all of it, to what a doubling may cost; its mean, for noise's sake."""
    said = "\n".join(str({part: round(t, 3) for part, t in taken.items()}) for taken in every)
    every = [{**taken, "all": sum(taken.values())} for taken in every]
    doublings = len(every) - 1
    for part, last in every[-1].items():
        first = max(every[0][part], TOO_SHORT)
        assert last < first * MOST**doublings, f"{part}\n{said}"


def test_twice_as_many_hosts_take_twice_as_long(desk: Path) -> None:
    grown(desk, [20])  # imports and caches are no part of it
    check(grown(desk, [100, 200, 400]))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thousands_of_hosts_meet_no_quadratic_step(desk: Path) -> None:
    grown(desk, [20])
    check(grown(desk, [1000, 2000, 4000, 8000]))
