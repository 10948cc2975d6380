"""What a run costs: one connection a host, and how many commands on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.fleet.threads import Threads
from deployer.fleet.workplace import Workplace
from deployer.result import Outcome
from deployer.spec.connection import Connection
from deployer.transport import Completed, Stream, Transport
from deployer.workflows.apply import carry_out
from deployer.workflows.connecting import Connector
from deployer.workflows.preview import preview
from tests.journey.workbench import Workbench


@dataclass
class Counting:
    """A real transport that remembers which verbs went over it."""

    inner: Transport
    verbs: list[str]

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        self.verbs.append(argv[3])
        return self.inner.run(argv, stdin=stdin, timeout=timeout)

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        return self.inner.dial(address, port, timeout=timeout)

    def close(self) -> None:
        self.inner.close()


@dataclass
class Count:
    connections: int = 0
    verbs: list[str] = field(default_factory=list)


@dataclass
class CountingConnector:
    inner: Connector
    count: Count

    def __call__(self, connection: Connection) -> Transport:
        self.count.connections += 1
        return Counting(self.inner(connection), self.count.verbs)

    def close(self) -> None:
        self.inner.close()


def applied(desk: Workbench, monkeypatch: pytest.MonkeyPatch) -> tuple[Count, Outcome]:
    """Apply in this process, and count."""
    monkeypatch.chdir(desk.directory)
    count = Count()
    with HostSession(Common(passphrase_file=Path("passphrase"))) as session:
        connector = CountingConnector(Connector(session.project.known_hosts), count)
        # In place of the executor that the session would make.
        session.executor = Threads(Workplace(connector), forks=1)
        operator = session.operator()
        seen = preview(session.survey(), session.targets("all"), operator)
        (result,) = carry_out(seen, operator)
        session.executor.close()
    return count, result.outcome


def test_a_change_takes_five_commands_on_one_connection_and_no_change_takes_one(
    desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, outcome = applied(desk, monkeypatch)
    assert outcome is Outcome.CHANGED
    assert first == Count(1, ["observe", "stage", "rehearse", "activate", "confirm"])

    second, outcome = applied(desk, monkeypatch)
    assert outcome is Outcome.UNCHANGED
    assert second == Count(1, ["observe"])
