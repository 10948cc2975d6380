"""States that older programs wrote."""

import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployer.errors import Locked
from deployer.pki.authority import AuthorityState
from deployer.store.faults import DamagedState
from deployer.store.lock import held
from deployer.store.state import Store
from tests.store.examples import NOW, PASSPHRASE, client_request

LATER = NOW + timedelta(days=1)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A state as the first release left it, with an intent whose maker died."""
    directory = tmp_path / "old"
    directory.mkdir(mode=0o700)
    (directory / "state.db").touch(mode=0o600)
    with closing(sqlite3.connect(directory / "state.db")) as connection:
        connection.executescript(Path(__file__).with_name("v1.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    return directory


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()
        return [str(version), *connection.iterdump()]


def tables(path: Path) -> dict[str, str]:
    """What SQLite was told about each table and index, however it was spaced."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {
            name: "".join(sql.split()).replace('"', "").upper().removesuffix(";")
            for name, sql in found
        }


def test_an_old_state_is_brought_up_to_date_when_it_is_opened(old: Path) -> None:
    with Store.open(old, now=LATER) as store:
        assert [one.state for one in store.authorities.records()] == [AuthorityState.ACTIVE] * 3
        assert {one.origin for one in store.authorities.records()} == {"made"}
        assert [one.name for one in store.certificates.list(kind="client")] == [
            "alice",
            "mallory",
            "orphan",
        ]
        (mallory,) = store.certificates.list(name="mallory")
        assert mallory.reason == "keyCompromise"
        signer = store.unlock("clients", PASSPHRASE)
        store.certificates.issue(client_request("bob"), signer, now=LATER)
        store.crls.publish(signer, now=LATER)
        store.journal.verify()


def test_its_journal_goes_on_from_what_it_had(old: Path) -> None:
    with Store.open(old, now=LATER) as store:
        events = store.journal.list()

    kinds = [event.kind for event in events]
    assert kinds[0] == "authority made"
    migration = kinds.index("state migrated")
    assert migration == 11
    assert events[migration].at == LATER
    assert kinds[migration + 1 :].count("certificate carried over") == 6
    assert kinds[-2:] == ["certificate abandoned", "certificate revoked"]


def test_lists_of_an_updated_state_go_on_rising(old: Path) -> None:
    with Store.open(old, now=NOW) as store:
        signer = store.unlock("clients", PASSPHRASE)
        before, after = store.crls.current(signer.authority), store.crls.publish(signer, now=NOW)

    numbers = [
        one.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for one in (before[-1], after[0])
    ]
    assert numbers[0] < numbers[1]
    assert before[0].last_update_utc < after[0].last_update_utc


def test_its_tables_become_those_of_a_new_state(old: Path, state: Path) -> None:
    Store.open(old, now=LATER).close()

    assert tables(old / "state.db") == tables(state / "state.db")


def test_a_private_copy_stays_as_it_was(old: Path) -> None:
    before = dump(old / "state.db")

    Store.open(old, now=LATER).close()

    copy = old / "state.db.v1"
    assert dump(copy) == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert not list(old.glob(".state.db*"))


def test_a_migration_that_fails_changes_nothing(old: Path) -> None:
    path = old / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE certificates SET authority_id = 77 WHERE name = 'orphan'")
    before = dump(path)

    for _ in range(2):
        with pytest.raises((DamagedState, KeyError)):
            Store.open(old, now=LATER)
        assert dump(path) == before


def test_whoever_migrates_is_waited_for(old: Path) -> None:
    with (
        held(old / "state.lock", timeout=1),
        pytest.raises(Locked, match="in use by process"),
    ):
        Store.open(old, now=LATER, lock_timeout=0.1)


def test_a_version_that_never_was_is_damage(state: Path) -> None:
    with closing(sqlite3.connect(state / "state.db")) as connection:
        connection.execute("PRAGMA user_version = 0")

    with pytest.raises(DamagedState, match="never was a schema 0"):
        Store.open(state, now=LATER)
