"""The journal vouches for every column of every row, and for itself."""
# ruff: noqa: S608 (whoever tampers writes what SQL they like)

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deployer.store import schema
from deployer.store.audit import BrokenJournal
from deployer.store.chain import GENESIS
from deployer.store.faults import DamagedState
from deployer.store.journal import JournalVerdict
from deployer.store.state import Store
from tests.store.examples import NOW, PASSPHRASE, busy_state, client_request

TABLES = tuple(schema.metadata.tables)


@pytest.fixture(scope="module")
def busy(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state in which much has happened, put right again by each test that harms it."""
    directory = tmp_path_factory.mktemp("busy") / ".deployer"
    directory.mkdir(mode=0o700)
    (directory / "state.db").touch(mode=0o600)
    with (
        closing(sqlite3.connect(founded / "state.db")) as source,
        closing(sqlite3.connect(directory / "state.db")) as copy,
    ):
        source.backup(copy)
    busy_state(directory)
    return directory


@pytest.fixture
def books(busy: Path) -> Iterator[sqlite3.Connection]:
    """The tables, for somebody who has the file and no scruples."""
    with closing(sqlite3.connect(busy / "state.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        saved = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
        yield connection
        for table, rows in saved.items():
            connection.execute(f"DELETE FROM {table}")
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    verify(busy)


def verify(directory: Path, head: str = "") -> JournalVerdict:
    with Store.open(directory, now=NOW) as store:
        return store.journal.verify(head=head)


def changed(value: object) -> object:
    match value:
        case int():
            return value + 1000
        case str() if value:
            return value[:-1] + chr(ord(value[-1]) ^ 1)
        case bytes() if value:
            return value[:-1] + bytes([value[-1] ^ 1])
        case _:
            return "x"


def test_an_untouched_state_is_confirmed_with_its_head(busy: Path) -> None:
    verdict = verify(busy)

    with Store.open(busy, now=NOW) as store:
        assert verdict.events == len(store.journal.list())
    assert len(verdict.head) == 64


def test_a_state_without_events_has_the_head_of_none(tmp_path: Path) -> None:
    with Store.create(tmp_path / "new", now=NOW) as store:
        assert store.journal.verify() == JournalVerdict(events=0, head=GENESIS)


@pytest.mark.parametrize(
    ("table", "column"),
    [(table.name, column.name) for table in schema.metadata.tables.values() for column in table.c],
)
def test_one_changed_byte_is_found_in_any_row(
    books: sqlite3.Connection, busy: Path, table: str, column: str
) -> None:
    rows = books.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
    for rowid, value in rows:
        this = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
        now_at = changed(value) if column == "id" else rowid
        books.execute(this, (changed(value), rowid))

        with pytest.raises((BrokenJournal, DamagedState)) as refusal:
            verify(busy)  # SQLite itself finds what breaks a rule of the table

        assert "deployer ca restore" in refusal.value.hint
        books.execute(this, (value, now_at))


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_is_gone_is_missed(books: sqlite3.Connection, busy: Path, table: str) -> None:
    rows = books.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
    if table == "events":
        rows.pop()  # the end of a chain is missed by whoever noted it: see below
    for row in rows:
        books.execute(f"DELETE FROM {table} WHERE id = ?", (row[0],))

        with pytest.raises(BrokenJournal):
            verify(busy)

        books.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


@pytest.mark.parametrize("status", ["issued", "intended", "abandoned"])
def test_a_certificate_that_was_put_in_is_found(
    books: sqlite3.Connection, busy: Path, status: str
) -> None:
    row = list(books.execute("SELECT * FROM certificates ORDER BY id DESC").fetchone())
    row[0], row[1], row[7] = 999, "bad5e41a1", status
    row[8] = row[8] if status == "issued" else None
    books.execute(f"INSERT INTO certificates VALUES ({', '.join('?' * len(row))})", row)

    with pytest.raises(BrokenJournal, match="bad5e41a1"):
        verify(busy)


@pytest.mark.parametrize("table", ["authorities", "crls", "deployments", "events"])
def test_a_row_that_was_put_in_is_found(books: sqlite3.Connection, busy: Path, table: str) -> None:
    row = list(books.execute(f"SELECT * FROM {table} ORDER BY id DESC").fetchone())
    row[0], row[2] = row[0] + 1, 999
    if table == "authorities":
        row[6] = "prepared"
    if table == "deployments":
        row[1] = "another"
    books.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    with pytest.raises(BrokenJournal):
        verify(busy)


@pytest.mark.parametrize("table", TABLES)
def test_two_rows_that_changed_places_are_found(
    books: sqlite3.Connection, busy: Path, table: str
) -> None:
    first, second = (
        row[0] for row in books.execute(f"SELECT id FROM {table} ORDER BY id DESC LIMIT 2")
    )
    for old, new in ((first, -1), (second, first), (-1, second)):
        books.execute(f"UPDATE {table} SET id = ? WHERE id = ?", (new, old))

    with pytest.raises(BrokenJournal):
        verify(busy)


def test_a_revocation_that_was_undone_is_found(books: sqlite3.Connection, busy: Path) -> None:
    books.execute("UPDATE certificates SET revoked_at = NULL, reason = NULL WHERE name = 'mallory'")

    with pytest.raises(BrokenJournal, match=r"\(mallory\) is not as it was written"):
        verify(busy)


def test_a_tail_that_was_cut_off_with_what_it_told_of_is_missed_by_who_noted_the_head(
    state: Path,
) -> None:
    before = verify(state)
    with Store.open(state, now=NOW) as store:
        signer = store.unlock("clients", PASSPHRASE)
        store.certificates.issue(client_request(), signer, now=NOW)
    after = verify(state, head=before.head)
    with closing(sqlite3.connect(state / "state.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM events WHERE id > ?", (before.events,))
        connection.execute("DELETE FROM certificates WHERE name = 'alice'")

    assert verify(state) == before
    assert verify(state, head=GENESIS) == before
    with pytest.raises(BrokenJournal, match="no event has that hash any more"):
        verify(state, head=after.head)


def test_everything_that_happened_has_its_event(busy: Path) -> None:
    with Store.open(busy, now=NOW) as store:
        kinds = {event.kind for event in store.journal.list()}

    assert kinds == {
        "authority made",
        "authority prepared",
        "authority activated",
        "authority retiring",
        "key exported",
        "certificates intended",
        "certificate issued",
        "certificate revoked",
        "crls published",
        "crls dropped",
        "release deployed",
    }
