"""
A store that is killed at any of its writes keeps its promises.

Nothing that anybody got is unrecorded, no serial is there twice, lists only rise, and what was
begun is closed and revoked.
"""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployer.store.keys import WrongPassphrase
from deployer.store.state import Store
from tests.store.crashing import LATER, NEW, OPERATIONS, run, writes
from tests.store.examples import NOW, PASSPHRASE, client_request

MUCH_LATER = LATER + timedelta(hours=2)


@pytest.fixture
def before(state: Path) -> Path:
    """A state with a client in it."""
    with Store.open(state, now=NOW) as store:
        signer = store.unlock("clients", PASSPHRASE)
        store.certificates.issue(client_request("alice"), signer, now=NOW)
    return state


def check(state: Path, printed: list[str], *, died: bool) -> None:
    """Open what is left and hold it to the promises."""
    got = [line.split() for line in printed]
    with Store.open(state, now=MUCH_LATER) as store:
        store.journal.verify()
        records = store.certificates.list()
        serials = [record.serial for record in records]
        assert len(serials) == len(set(serials))
        assert "intended" not in {record.status for record in records}
        recorded = {f"{record.serial:x}": record for record in records}
        for words in got:
            if words[0] == "serial":
                assert recorded[words[1]].status == "issued"
                assert recorded[words[1]].revoked_at is None
        passphrase = _passphrase(store, changed=["changed"] in got)
        signer = store.unlock("clients", passphrase)
        fresh = store.crls.publish(signer, now=MUCH_LATER)[0]
        for words in got:
            if words[0] == "number":
                number = fresh.extensions.get_extension_for_class(x509.CRLNumber).value
                assert number.crl_number > int(words[1])
                began = int(words[2])
                if began <= MUCH_LATER.timestamp():  # the rungs after it were never in force
                    assert fresh.last_update_utc.timestamp() > began
        for record in records:
            if record.status == "abandoned" and record.authority == "clients":
                assert record.revoked_at is not None
                assert fresh.get_revoked_certificate_by_serial_number(record.serial)
        # And it goes on, as if nothing had been.
        store.certificates.issue(client_request("erin"), signer, now=MUCH_LATER)
        store.journal.verify()
    if not died:
        assert got


def _passphrase(store: Store, *, changed: bool) -> str:
    """Find the one passphrase that opens every key."""
    opened = []
    for passphrase in (PASSPHRASE, NEW):
        try:
            for name in ("root", "servers", "clients"):
                store.unlock(name, passphrase)
        except WrongPassphrase:
            continue
        opened.append(passphrase)
    assert len(opened) == 1
    assert not changed or opened == [NEW]
    return opened[0]


def sweep(before: Path, tmp_path: Path, operation: str, *, every: int) -> None:
    """Kill it at every nth of its writes, each time on a fresh copy."""

    def copy(name: str) -> Path:
        (tmp_path / name).mkdir()
        return shutil.copytree(before, tmp_path / name / ".deployer")

    untouched = copy("untouched")
    points = writes(untouched, operation)
    assert len(points) > 10, points
    assert {"pwrite64", "fdatasync"} <= {call for call, _ in points}
    killed = 0
    for index, (call, number) in list(enumerate(points))[every // 2 :: every]:
        state = copy(f"{index}")
        printed, died = run(state, operation, kill=(call, number))
        killed += died
        check(state, printed, died=died)
        shutil.rmtree(state.parent)
    assert killed


@pytest.mark.fault(58, how="SIGKILL at every 25th write")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_store_that_is_killed_at_some_of_its_writes_keeps_its_promises(
    before: Path, tmp_path: Path, operation: str
) -> None:
    sweep(before, tmp_path, operation, every=25)


@pytest.mark.fault(58, how="SIGKILL at every write")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_store_that_is_killed_at_any_of_its_writes_keeps_its_promises(
    before: Path, tmp_path: Path, operation: str
) -> None:
    sweep(before, tmp_path, operation, every=1)
