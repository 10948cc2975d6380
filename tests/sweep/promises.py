"""
The checker: whether the promises hold after a fault, whatever the fault was.

It looks at the journals and disks of the hosts, at what they serve, and at the books of the
controllers, never at what a run said of itself. The promises are numbered as in the fault matrix:

P1 a host that served never stops · P2 no key beside a certificate of another · P3 each host wholly
old or wholly new, by itself · P5 no more hosts in flight or undone than a batch and the budget · P9
one writer at a time · P10 every certificate on record before it leaves, no serial number twice,
lists that only grow newer. P8 (again converges, and issues nothing needless) and P11 (bounded time)
take a run, and are `again` and its time limit.
"""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from deployer.result import HostStep
from deployer.sandbox.processes import until
from tests.hosts.fleet import FleetHost
from tests.journey.fleet_desk import FleetDesk
from tests.sweep.disk import Disk, damage, leaves, lists, look, mismatched, read
from tests.sweep.visitors import Visitors, alice, ask

RECOVERY = 60.0
"""Seconds beyond the confirm timeout in which a host has ended by itself, on a busy machine."""
OURS = re.compile(rb"script=\$\(|/undo\.\S+ ")
HOLDERS_OWN = frozenset(HostStep) - {HostStep.UNLOCKED, HostStep.INSTALLED}
"""Lines that only the holder of the lease writes."""


NUMBERS = "SELECT authority_id, number FROM crls ORDER BY authority_id, id"
# Lists are signed ahead of their time, and replaced before it.
LADDERS = """
SELECT authority_id, min(this_update) FROM crls
GROUP BY authority_id, ladder ORDER BY authority_id, ladder
"""


class Promises:
    """What is checked again and again, with the memory that P10 takes."""

    def __init__(self, desk: FleetDesk, *, states: Collection[Path] = ()) -> None:
        """`states`: the state directories of all controllers; there may come more."""
        self._desk = desk
        self._states = states or (desk.directory / ".deployer",)
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._alice = alice(desk.directory)

    def check(self, visitors: Visitors) -> dict[str, Disk]:
        """Check everything that must hold once no script is at work any more."""
        disks = self.settled()
        served_by_all(visitors)
        for name, disk in disks.items():
            paired(name, disk)
            one_writer(name, disk)
            self._serves_what_it_has(name, disk)
            self._lists_are_newer(name, disk)
        recorded(disks, self._states)
        return disks

    def settled(self) -> dict[str, Disk]:
        """P3: wait until every host has ended by itself; each is wholly on one release."""
        hosts = self._desk.hosts
        alone(self._desk)
        disks = {name: look(host) for name, host in hosts.items()}
        for name, disk in disks.items():
            assert damage(disk) == [], f"P3: {name}: {damage(disk)} {disk.journal[-8:]}"
            for switch in disk.in_flight:
                # Killed before its timer was armed, and so before anything was switched.
                assert not has(disk, HostStep.SWITCHED, switch), f"P3: {name}: {disk.journal[-8:]}"
        return disks

    def _serves_what_it_has(self, name: str, disk: Disk) -> None:
        if not disk.current:
            return
        met = ask(self._desk.hosts[name], self._alice)
        (chain,) = (text for path, text in disk.live.items() if path.endswith("fullchain.pem"))
        leaf = x509.load_pem_x509_certificates(chain)[0]
        assert met.certificate == leaf.public_bytes(Encoding.DER), f"P3: {name}: another leaf"
        assert met.headers.get("strict-transport-security") == age_of(disk), f"P3: {name}"

    def _lists_are_newer(self, name: str, disk: Disk) -> None:
        for issuer, number in lists(disk).items():
            before = self._numbers[name, issuer]
            assert number >= before, f"P10: {name}: list {number} of {issuer} after {before}"
            self._numbers[name, issuer] = number


def alone(desk: FleetDesk) -> None:
    """Wait until no script of ours is at work on any host, without the controller (P11)."""
    hosts = desk.hosts
    ended = until(lambda: not any(map(at_work, hosts.values())), timeout=RECOVERY)
    assert ended, {name: at_work(host) for name, host in hosts.items()}


def said(text: str) -> list[dict[str, Any]]:
    """Read the events that a run has told."""
    return [json.loads(line) for line in text.splitlines()]


def at_work(host: FleetHost) -> str:
    """Name the scripts of ours that run on a host, its dead-man timers among them."""
    processes = [path.parent for path in (host.root / "proc").glob("[0-9]*/cmdline")]
    found = [(path, typed(path)) for path in processes]
    return "; ".join(
        one.decode()[:80] for path, one in found if OURS.search(one) and not waits(path)
    )


def typed(process: Path) -> bytes:
    return read(process / "cmdline").replace(b"\0", b" ")


def waits(process: Path) -> bool:
    """
    Say whether a shell has not got its script yet.

    Where packets are lost it never comes, and sshd learns of that in its own time. Nothing has
    been done by then, nor will be: a part of a script does not run.
    """
    children = read(process / "task" / process.name / "children").split()
    reading = (typed(process.parent / child.decode()) for child in children)
    return any(one == b"cat " or one.startswith(b"dd bs=1 ") for one in reading)


def has(disk: Disk, step: HostStep, switch: str) -> bool:
    """Say whether a switch, named by its file, has come to a step."""
    token = switch.partition(".")[2]
    return any((line.step, line.token) == (step, token) for line in disk.journal)


def age_of(disk: Disk) -> str | None:
    """What the live release has as the age of its HSTS header; it tells releases apart."""
    texts = b"\n".join(text for path, text in disk.live.items() if path.startswith("sites/"))
    found = re.search(rb'Strict-Transport-Security "(max-age=\d+)', texts)
    return found.group(1).decode() if found else None


def served_by_all(visitors: Visitors) -> None:
    """P1: nobody was turned away, by any host."""
    turned_away = {name: found[:3] for name, found in visitors.turned_away.items()}
    assert turned_away == {}, f"P1: {turned_away}"


def paired(name: str, disk: Disk) -> None:
    """P2: every key lies beside its own certificate."""
    assert mismatched(disk) == [], f"P2: {name}"


def in_flight(hosts: Iterable[FleetHost], most: int) -> None:
    """P5 and P2, at any moment: count the hosts that are switched and not confirmed."""
    disks = [look(host) for host in hosts]
    count = sum(bool(disk.in_flight) for disk in disks)
    assert count <= most, f"P5: {count} hosts in flight, not {most}"
    for number, disk in enumerate(disks, start=1):
        paired(f"web{number}", disk)


def undone(disks: Iterable[Disk]) -> int:
    """Count the switches that were undone, for P5."""
    return sum(line.step is HostStep.ROLLED_BACK for disk in disks for line in disk.journal)


def one_writer(name: str, disk: Disk) -> None:
    """P9: fencing tokens strictly rise, and who was followed by another never writes again."""
    numbers = [
        int(line.words.partition(",")[0]) for line in disk.journal if line.step is HostStep.LEASED
    ]
    assert numbers == sorted(set(numbers)), f"P9: {name}: {numbers}"
    gone: set[str] = set()
    holder = ""
    for line in disk.journal:
        if line.step is HostStep.LEASED and line.token != holder:
            gone.add(holder)
            holder = line.token
            assert holder not in gone, f"P9: {name}: {holder} came back"
        elif line.step in HOLDERS_OWN:
            assert line.token not in gone, f"P9: {name}: {line} after {holder} came"


def recorded(disks: dict[str, Disk], states: Iterable[Path]) -> None:
    """P10: what hosts have is on record, byte for byte; the numbers of lists only rise."""
    known: dict[str, bytes] = {}
    for state in states:
        with closing(sqlite3.connect(f"file:{state}/state.db?mode=ro", uri=True)) as books:
            question = "SELECT serial, certificate FROM certificates WHERE status = 'issued'"
            for serial, certificate in books.execute(question):
                assert known.setdefault(serial, certificate) == certificate, f"P10: {serial} twice"
            numbers = list(books.execute(NUMBERS))
            ladders = list(books.execute(LADDERS))
        for (authority, number), (other, later) in pairwise(numbers):
            assert authority != other or number < later, f"P10: {numbers}"
        for (authority, at), (other, then) in pairwise(ladders):
            assert authority != other or at < then, f"P10: {ladders}"
    for name, disk in disks.items():
        for leaf in leaves(disk):
            der = leaf.public_bytes(Encoding.DER)
            assert known.get(f"{leaf.serial_number:x}") == der, f"P10: {name}: not on record"


def issued(state: Path) -> int:
    """Count the certificates of servers on record, for P8."""
    with closing(sqlite3.connect(f"file:{state}/state.db?mode=ro", uri=True)) as books:
        (count,) = books.execute(
            "SELECT count(*) FROM certificates WHERE kind = 'server'"
        ).fetchone()
    return int(count)
