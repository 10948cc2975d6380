"""Opening the state: what is refused, and what the refusal says to type."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from deployer.errors import Locked
from deployer.store.faults import DamagedState, ExposedState, NewerState, NoState, StateError
from deployer.store.state import Store
from tests.store.examples import NOW, PASSPHRASE, found_ca, server_request


def open_and_close(directory: Path) -> None:
    Store.open(directory, now=NOW).close()


def create_and_close(directory: Path) -> None:
    Store.create(directory, now=NOW).close()


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_state_is_private_even_under_a_careless_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Store.create(tmp_path / "a" / ".deployer", now=NOW):
            directory = tmp_path / "a" / ".deployer"
            assert permissions(directory) == 0o700
            assert permissions(directory / "state.db") == 0o600
            assert permissions(directory / "state.lock") == 0o600
            journals = list(directory.glob("state.db-*"))
            assert journals
            assert all(permissions(path) == 0o600 for path in journals)
    finally:
        os.umask(before)


def test_git_ignores_a_state_directory(state: Path) -> None:
    assert (state / ".gitignore").read_text() == "*\n"


def test_creating_twice_keeps_what_is_there(state: Path) -> None:
    with Store.create(state, now=NOW) as store:
        assert len(store.authorities.list()) == 3


@pytest.mark.parametrize(
    ("name", "mode", "command"),
    [
        (".", 0o750, "chmod 700"),
        (".", 0o701, "chmod 700"),
        ("state.db", 0o640, "chmod 600"),
        ("state.db", 0o604, "chmod 600"),
    ],
)
def test_a_state_that_others_can_read_is_refused_with_the_command_to_type(
    state: Path, name: str, mode: int, command: str
) -> None:
    path = state / name
    path.chmod(mode)

    for opening in (open_and_close, create_and_close):
        with pytest.raises(ExposedState, match="others may read") as refusal:
            opening(state)
        assert refusal.value.hint == f"{command} {path}"


def test_where_there_is_no_state_the_hint_is_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir(mode=0o700)
    (tmp_path / "empty" / "state.db").touch(mode=0o600)

    for directory in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(NoState, match="there is no CA in") as refusal:
            open_and_close(directory)
        assert refusal.value.hint.startswith("deployer ca init founds one")
    assert not (tmp_path / "nowhere").exists()


def test_a_state_whose_making_was_interrupted_is_no_state_and_can_be_made(tmp_path: Path) -> None:
    directory = tmp_path / ".deployer"
    directory.mkdir(mode=0o700)
    (directory / "state.db").touch(mode=0o600)
    connection = sqlite3.connect(directory / "state.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert (directory / "state.db").stat().st_size

    with pytest.raises(NoState):
        open_and_close(directory)
    assert len(found_ca(directory)) == 3


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    path.chmod(0o600)

    for opening in (open_and_close, create_and_close):
        with pytest.raises(DamagedState, match="not a state database of deployer"):
            opening(tmp_path)


@pytest.mark.fault(52)
def test_a_newer_schema_is_refused(state: Path) -> None:
    connection = sqlite3.connect(state / "state.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(NewerState, match="has schema 99") as refusal:
        open_and_close(state)
    assert "upgrade" in refusal.value.hint


@pytest.mark.fault(56, how="a file that is no database")
def test_a_file_that_is_no_database_is_damaged(state: Path) -> None:
    (state / "state.db").write_bytes(b"not a database, but long enough to be read as one" * 99)

    with pytest.raises(DamagedState, match="is damaged") as refusal:
        open_and_close(state)
    assert "deployer ca restore" in refusal.value.hint


@pytest.mark.fault(56, how="bytes overwritten")
def test_a_torn_database_is_damaged(state: Path) -> None:
    path = state / "state.db"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = os.urandom(4096 * 2)
    path.write_bytes(content)

    with pytest.raises(DamagedState):
        open_and_close(state)


@pytest.mark.fault(56, how="a file cut off in the middle")
def test_a_cut_off_database_is_damaged(state: Path) -> None:
    path = state / "state.db"
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(DamagedState):
        open_and_close(state)


@pytest.mark.fault(55, how="`BEGIN EXCLUSIVE` by another program")
def test_another_programs_lock_is_waited_for_and_then_named(state: Path) -> None:
    other = sqlite3.connect(state / "state.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with Store.open(state, now=NOW, lock_timeout=0.1) as store:
            signer = store.unlock("servers", PASSPHRASE)  # reading goes on
            with pytest.raises(Locked, match="locked by another program"):
                store.certificates.issue(server_request(), signer, now=NOW)
    finally:
        other.close()


def limit_pages(store: Store, pages: int) -> None:
    """Put the store on a small disk, in SQLite's own way."""
    with store._database.reading() as connection:  # noqa: SLF001
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


@pytest.mark.fault(57, how="a database that may not grow")
def test_on_a_full_disk_no_certificate_leaves_and_the_disk_is_blamed(
    store: Store, state: Path
) -> None:
    signer = store.unlock("servers", PASSPHRASE)
    limit_pages(store, 1)  # SQLite takes it for what is there now

    with pytest.raises(StateError, match="full") as refusal:
        store.certificates.issue_all([server_request()] * 200, signer, now=NOW)

    assert refusal.value.hint.startswith(f"df {state}")
    limit_pages(store, 1_000_000)
    assert not [one for one in store.certificates.list(kind="server") if one.status == "issued"]
    store.certificates.issue(server_request(), signer, now=NOW)


def test_every_commit_is_on_the_disk_before_it_counts(store: Store) -> None:
    database = store._database  # noqa: SLF001
    with database.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_question_mark_is_part_of_a_path(tmp_path: Path) -> None:
    directory = tmp_path / "what?mode=memory#%20"
    found_ca(directory)

    with Store.open(directory, now=NOW) as store:
        assert len(store.authorities.list()) == 3
    assert (directory / "state.db").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == [directory.name]


def test_a_text_that_cannot_be_decoded_is_damage(state: Path) -> None:
    with closing(sqlite3.connect(state / "state.db", isolation_level=None)) as connection:
        connection.execute("UPDATE certificates SET subject = CAST(x'ff41' AS TEXT)")

    with Store.open(state, now=NOW) as store:
        for reading in (store.certificates.list, store.journal.verify):
            with pytest.raises(DamagedState, match="is damaged"):
                reading()
