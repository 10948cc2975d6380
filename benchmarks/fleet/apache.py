"""
What Apache itself needs: the time of rehearsals and of activations, measured on the hosts.

The product's own run, over a transport that is no SSH at all: it steps into a host's namespaces.
Every host waits before a script until all have come to it, so that what passes until the last has
ended it is the hosts' own time for it, on the cores that they share with everything else here.
"""
# ruff: noqa: INP001 (a directory of a program)

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.fleet.lab import Lab
from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.fleet.threads import Threads
from deployer.fleet.workplace import Workplace
from deployer.result import Outcome
from deployer.spec.connection import Connection
from deployer.transport import Completed, Stream
from deployer.transport.local import Local
from deployer.workflows.apply import carry_out
from deployer.workflows.preview import preview
from tests.hosts.fleet import FleetHost

TIMED = ("rehearse", "activate")
_WITHIN = 300


class Own(NamedTuple):
    """What hosts take for one script: all of them at once, and the median of one among them."""

    together: float
    one: float


@dataclass
class _Rounds:
    """Where hosts wait for each other."""

    barriers: Mapping[str, threading.Barrier]
    taken: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Inside:
    """A transport into the namespaces of a host."""

    host: FleetHost
    rounds: _Rounds

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        """Run a command there, with the others of its kind."""
        verb = argv[3]
        if verb in TIMED:
            self.rounds.barriers[verb].wait(_WITHIN)
        begun = time.monotonic()
        done = self.host.exec(argv, stdin=stdin, check=False, timeout=timeout)
        self.rounds.taken.setdefault(verb, []).append((begun, time.monotonic()))
        return done

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        """Connect from outside: on these hosts everybody may."""
        there = self.host.address if address.startswith("127.") else address
        return Local(self.host.name).dial(there, port, timeout=timeout)

    def close(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True)
class _Entrance:
    """What steps into hosts by their names."""

    hosts: Mapping[str, FleetHost]
    rounds: _Rounds

    def __call__(self, connection: Connection) -> _Inside:
        """Step in."""
        return _Inside(self.hosts[connection.name], self.rounds)

    def close(self) -> None:
        """There is nothing to close."""


def own_time(lab: Lab, project: Path) -> Mapping[str, Own]:
    """Apply to hosts that are as they were after installation, and time their own part."""
    rounds = _Rounds({verb: threading.Barrier(len(lab.ways)) for verb in TIMED})
    hosts = {way.name: way.host for way in lab.ways}
    place = Workplace(_Entrance(hosts, rounds))
    with (
        _at_home(project),
        HostSession(Common(passphrase_file=Path("passphrase"), forks=len(hosts))) as session,
        contextlib.closing(Threads(place, forks=len(hosts))) as executor,
    ):
        session.executor = executor
        operator = session.operator()
        seen = preview(session.survey(), session.targets("all"), operator)
        results = list(carry_out(seen, operator))
    wrong = [one for one in results if one.outcome is not Outcome.CHANGED]
    if wrong:
        raise RuntimeError(f"{wrong[0].host}: {wrong[0].outcome}: {wrong[0].summary}")
    return {
        verb: Own(
            max(end for _, end in taken) - min(begun for begun, _ in taken),
            statistics.median(end - begun for begun, end in taken),
        )
        for verb, taken in rounds.taken.items()
        if verb in TIMED
    }


@contextlib.contextmanager
def _at_home(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
