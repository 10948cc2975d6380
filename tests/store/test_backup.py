"""Backups, made while others write, and what a restored state knows that it does not know."""

import os
import sqlite3
import stat
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployer.pki.crl import CRL
from deployer.store.backup import CannotBackUp, CannotRestore
from deployer.store.faults import NewerState, NoState, StateError
from deployer.store.state import Store
from tests.store.examples import NOW, PASSPHRASE, busy_state, client_request, process

DAY = timedelta(days=1)
ISSUE_UNTIL_TOLD = """
    def during_signing():
        pass

    import threading
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), told.set())).start()
    while not told.is_set():
        issued = store.certificates.issue_all([server_request()] * 5, signer, now=NOW)
        print("issued", flush=True)
    store.close()
"""


def number(crl: CRL) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_a_backup_is_one_private_file_that_becomes_the_same_state(
    state: Path, tmp_path: Path
) -> None:
    busy_state(state)
    file = tmp_path / "backup"
    with Store.open(state, now=NOW) as store:
        store.backup(file)
        books, head = store.certificates.list(), store.journal.verify().head
        authorities = store.authorities.records()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [".deployer", "backup"]
    with Store.restore(file, tmp_path / "new", now=NOW + DAY) as restored:
        assert restored.certificates.list() == books
        assert restored.authorities.records() == authorities
        assert restored.journal.verify(head=head).head != head
        last = restored.journal.list()[-1]
        assert (last.kind, last.at, last.facts["head"]) == ("state restored", NOW + DAY, head)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "state.db").stat().st_mode) == 0o600
    assert not list((tmp_path / "new").glob(".restore-*"))


def test_a_backup_is_consistent_while_others_write(state: Path, tmp_path: Path) -> None:
    with process(state, ISSUE_UNTIL_TOLD) as writer, Store.open(state, now=NOW) as store:
        assert writer.stdout is not None
        files = [tmp_path / f"backup{index}" for index in range(10)]
        for file in files:
            assert writer.stdout.readline() == "issued\n"
            store.backup(file)
        writer.communicate("stop\n", timeout=30)

    assert writer.returncode == 0
    counts = []
    for file in files:
        with Store.restore(file, tmp_path / f"of {file.name}", now=NOW) as restored:
            restored.journal.verify()
            records = restored.certificates.list(kind="server")
        assert len(records) % 5 == 0
        counts.append(len(records))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_backup_replaces_nothing_and_leaves_nothing_half(store: Store, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")

    with pytest.raises(CannotBackUp, match="is there already"):
        store.backup(tmp_path / "there")
    with pytest.raises(CannotBackUp, match="No such file"):
        store.backup(tmp_path / "nowhere" / "backup")

    assert (tmp_path / "there").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".deployer", "there"]


def test_a_state_is_never_restored_over_another(store: Store, state: Path, tmp_path: Path) -> None:
    store.backup(tmp_path / "backup")

    with pytest.raises(CannotRestore, match="there is a state in") as refusal:
        Store.restore(tmp_path / "backup", state, now=NOW)

    assert refusal.value.hint == f"move {state} aside first"
    store.journal.verify()


@pytest.mark.parametrize("harm", ["nothing", "text", "torn", "empty", "row", "directory"])
def test_what_is_no_whole_backup_is_refused_and_leaves_no_state(
    store: Store, tmp_path: Path, harm: str
) -> None:
    file, new = tmp_path / "backup", tmp_path / "new"
    if harm not in {"nothing", "directory"}:
        store.backup(file)
    match harm:
        case "text":
            file.write_text("not a database, but long enough to be read as one" * 99)
        case "torn":
            whole = bytearray(file.read_bytes())
            whole[4096 * 3 : 4096 * 5] = os.urandom(4096 * 2)
            file.write_bytes(whole)
        case "empty":
            file.write_bytes(b"")
        case "row":
            with closing(sqlite3.connect(file, isolation_level=None)) as connection:
                connection.execute("UPDATE certificates SET name = 'mallory'")
        case "directory":
            file.mkdir()

    with pytest.raises(CannotRestore, match=str(file)):
        Store.restore(file, new, now=NOW)

    assert not (new / "state.db").exists()
    assert not list(new.glob(".restore-*"))


@pytest.mark.fault(52, how="a backup of a newer version")
def test_a_backup_of_a_newer_program_is_refused(store: Store, tmp_path: Path) -> None:
    store.backup(tmp_path / "backup")
    with closing(sqlite3.connect(tmp_path / "backup")) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(NewerState, match="has schema 99"):
        Store.restore(tmp_path / "backup", tmp_path / "new", now=NOW)


def test_a_backup_of_an_older_program_is_brought_up_to_date(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "backup")) as connection:
        connection.executescript(Path(__file__).with_name("v1.sql").read_text(encoding="utf-8"))

    with Store.restore(tmp_path / "backup", tmp_path / "new", now=NOW) as restored:
        restored.journal.verify()
        restored.unlock("clients", PASSPHRASE)


@pytest.mark.fault(59)
def test_after_a_restore_lists_are_due_and_newer_than_what_hosts_may_have(
    store: Store, tmp_path: Path
) -> None:
    store.backup(tmp_path / "backup")
    signer = store.unlock("clients", PASSPHRASE)
    assert store.crls.due(NOW + DAY) == ()
    # What the backup does not know: a busy day of revocations, one after the other.
    forgotten = [rung for _ in range(50) for rung in store.crls.publish(signer, now=NOW + DAY)]
    restored_at = NOW + 10 * DAY
    begun = [one for one in forgotten if one.last_update_utc <= restored_at]

    with Store.restore(tmp_path / "backup", tmp_path / "new", now=restored_at) as restored:
        assert restored.crls.due(restored_at) == restored.authorities.list()
        fresh = restored.crls.publish(signer, now=restored_at)
        assert signer.authority not in restored.crls.due(restored_at)
        restored.journal.verify()

    assert number(fresh[0]) > max(map(number, forgotten))
    assert fresh[0].last_update_utc > max(one.last_update_utc for one in begun)
    assert fresh[0].last_update_utc <= restored_at


def test_two_backups_at_once_do_not_meet(store: Store, tmp_path: Path) -> None:
    store.certificates.issue(client_request(), store.unlock("clients", PASSPHRASE), now=NOW)
    files = [tmp_path / "one", tmp_path / "two"]
    threads = [threading.Thread(target=store.backup, args=[file]) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", ["state.db-wal", "state.db-shm"])
def test_a_backup_never_meets_what_is_left_of_another_state(
    store: Store, tmp_path: Path, name: str
) -> None:
    store.backup(tmp_path / "backup")
    new = tmp_path / "new"
    new.mkdir(mode=0o700)
    (new / name).write_bytes(b"left")

    with pytest.raises(CannotRestore, match=f"{name} is left of a state") as refusal:
        Store.restore(tmp_path / "backup", new, now=NOW)
    assert refusal.value.hint == f"move {new} aside first"
    with pytest.raises(StateError, match=f"{name} is left of a state"):
        Store.create(new, now=NOW)

    assert (new / name).read_bytes() == b"left"
    assert not (new / "state.db").exists()


def test_a_restore_that_fails_makes_no_directory(tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("not a database, but long enough to be read as one" * 99)

    with pytest.raises(CannotRestore):
        Store.restore(tmp_path / "backup", tmp_path / "a" / "b", now=NOW)

    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


def test_a_state_in_which_nothing_was_founded_is_none_and_may_be_replaced(
    store: Store, tmp_path: Path
) -> None:
    store.backup(tmp_path / "backup")
    with Store.create(tmp_path / "new", now=NOW) as blank:
        blank.backup(tmp_path / "blank")

    with pytest.raises(NoState, match="there is no CA in"):
        Store.open(tmp_path / "new", now=NOW)
    with pytest.raises(CannotRestore, match="holds no CA"):
        Store.restore(tmp_path / "blank", tmp_path / "new", now=NOW)
    with Store.restore(tmp_path / "backup", tmp_path / "new", now=NOW) as restored:
        assert len(restored.authorities.list()) == 3


def test_two_lists_in_the_second_of_a_restore_have_two_times(store: Store, tmp_path: Path) -> None:
    store.backup(tmp_path / "backup")
    signer = store.unlock("clients", PASSPHRASE)

    with Store.restore(tmp_path / "backup", tmp_path / "new", now=NOW + DAY) as restored:
        first, second = (restored.crls.publish(signer, now=NOW + DAY)[0] for _ in range(2))

    assert first.last_update_utc == NOW + DAY
    assert second.last_update_utc == NOW + DAY + timedelta(seconds=1)


@pytest.mark.parametrize("directory", [Path(), Path("/")])
def test_a_backup_is_a_file_and_no_directory(store: Store, directory: Path) -> None:
    with pytest.raises(CannotBackUp, match="is a directory"):
        store.backup(directory)
