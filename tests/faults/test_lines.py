"""Lines that break at any byte, or hardly pass one: the host is whole all the same."""

import random
import subprocess
import time
from pathlib import Path

import pytest

from deployer.sandbox.processes import until
from deployer.transport.deadlines import Deadlines
from tests.faults.inventory import change, through
from tests.faults.line import Line
from tests.host.machine import Machine, on_fleet
from tests.hosts.fleet import Fleet
from tests.hosts.prober import Prober
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.journey.test_rotate import client
from tests.journey.workbench import command

SEED = 8
OFFSETS = 8


def is_pair(machine: Machine) -> bool:
    """Say whether the key of what is live is that of its certificate."""
    tls = f"{machine.layout.root}/current/tls/*"
    of_certificate = f"openssl x509 -noout -pubkey -in {tls}/fullchain.pem"
    of_key = f"openssl pkey -pubout -in {tls}/key.pem"
    said = [machine.lab.exec(["sh", "-c", command]).stdout for command in (of_certificate, of_key)]
    return said[0] == said[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.fault(8, how="a relay resets the connection at eight bytes of a rotation, by chance")
def test_a_connection_reset_at_any_byte_leaves_one_whole_release(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, [fleet.host()])
    host = desk.hosts["web1"]
    machine = on_fleet(host)
    rotate = ("rotate", "--yes", "--confirm-timeout", "2", *APPLY[2:])
    desk.apply()
    alice = client(desk, "web1")
    line = Line(to=(host.address, 22))
    with line.running(), Prober(alice) as visitor:
        change(desk.directory, "web1", **through(line, host))
        whole = line.passed
        desk.events(*rotate)
        whole = line.passed - whole
        chance = random.Random(SEED)
        for number in range(OFFSETS):
            # One in each part of the way, wherever in it.
            at = chance.randrange(whole * number // OFFSETS, whole * (number + 1) // OFFSETS)
            told = f"seed {SEED}, byte {at} of {whole}"
            before, line.up_to = machine.current, at + 1
            line.ended.clear()
            status = status_of(desk, *rotate)
            cut, line.up_to = line.ended.is_set(), None

            # A lease may be left: the next run of this state knows that its holder is dead.
            assert until(lambda: not machine.in_flight(), timeout=60), told
            assert cut or status == 0, told
            assert (status == 0) <= (machine.current != before), told
            assert machine.current == before or machine.last.startswith("confirmed "), told
            assert is_pair(machine), told
            assert alice(), told
            # And the same command again, over a line that holds, gets there.
            assert outcomes(desk.events(*rotate)) == {"web1": "changed"}, told
    assert visitor.failures == ()


def status_of(desk: FleetDesk, *arguments: str) -> int:
    """Type a command, and take it as it ends: done, failed, or out of reach."""
    ended = subprocess.run(
        command(*arguments), cwd=desk.directory, capture_output=True, text=True, check=False
    )
    assert ended.returncode in {0, 2, 4}, ended.stderr
    return ended.returncode


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.fault(9)
def test_a_host_that_is_very_slow_costs_its_own_deadline(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(3))
    slow = desk.hosts["web1"]
    with Line(to=(slow.address, 22), rate=1024).running() as line:
        change(desk.directory, "web1", **through(line, slow))
        started = time.monotonic()
        events = desk.apply(status=4)
        took = time.monotonic() - started

    assert outcomes(events) == {"web1": "unreachable", "web2": "changed", "web3": "changed"}
    said = next(one["summary"] for one in events if one.get("outcome") == "unreachable")
    assert "did not end within 30 s" in said
    # Login, deadline of the first look, and what the others took.
    assert took < Deadlines().handshake + 30 + 25
