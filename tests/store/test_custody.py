"""Keys that leave the state, and passphrases that change."""

import sqlite3
from pathlib import Path

import pytest

from deployer.pki.keys import KeyType, is_same_key
from deployer.store.custody import KeyElsewhere, NotTheKey
from deployer.store.keys import WrongPassphrase, seal
from deployer.store.state import Store
from tests.pki.examples import key_of
from tests.store.examples import CHEAP, NOW, PASSPHRASE, client_request, found_ca

NEW = "a newer passphrase"
HEADER = seal(key_of(KeyType.P256, "any"), NEW, owner="any", cost=CHEAP)[:28]
"""How every sealed key begins: what it is, and what a guess costs."""


def content(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in state.iterdir())


def sealed_keys(store: Store) -> list[bytes]:
    with store._database.reading() as connection:  # noqa: SLF001
        rows = connection.exec_driver_sql("SELECT sealed_key FROM authorities ORDER BY id")
        return [row[0] for row in rows]


def test_an_exported_key_signs_from_its_file_alone(store: Store) -> None:
    exported = store.authorities.export_key("root")
    store.authorities.forget_key("root", now=NOW)

    with pytest.raises(KeyElsewhere, match="the key of root G1 is not in this state"):
        store.unlock("root", PASSPHRASE)
    with pytest.raises(KeyElsewhere):
        store.authorities.export_key("root")
    signer = store.authorities.unlock_exported("root", exported, PASSPHRASE)
    assert store.crls.publish(signer, now=NOW)
    assert [one.has_key for one in store.authorities.records()] == [False, True, True]
    assert store.journal.list()[-2].kind == "key exported"
    store.journal.verify()


def test_an_exported_key_is_text_that_says_whose_it_is_and_opens_nothing(store: Store) -> None:
    text = store.authorities.export_key("root").decode("ascii")

    assert text.startswith("-----BEGIN DEPLOYER SEALED KEY-----\nAuthority: root G1\n")
    assert "CN=Example Root CA G1" in text
    assert "PRIVATE" not in text
    assert max(map(len, text.splitlines())) < 100


def traces(sealed: bytes, state: Path) -> list[bytes]:
    """Find pieces of a sealed key in the files of a state."""
    everything = content(state)
    pieces = [sealed[index : index + 16] for index in range(0, len(sealed) - 16, 8)]
    return [piece for piece in pieces if piece in everything and piece not in HEADER]


@pytest.mark.parametrize("name", ["root", "servers", "clients"])
def test_a_forgotten_key_is_in_none_of_the_states_files(tmp_path: Path, name: str) -> None:
    state = tmp_path / "state"
    with Store.create(state, now=NOW) as store:  # all that was written is in the log still
        store.init_ca(organization="Example", passphrase=PASSPHRASE, now=NOW, cost=CHEAP)
        names = [record.authority.name for record in store.authorities.records()]
        sealed = sealed_keys(store)[names.index(name)]
        assert traces(sealed, state)
        (state / "state.db.v1").write_bytes(sealed)

        store.authorities.forget_key(name, now=NOW)

        assert not traces(sealed, state)
        events = len(store.journal.list())
        store.authorities.forget_key(name, now=NOW)
        assert len(store.journal.list()) == events
    assert not traces(sealed, state)


def test_an_exported_key_survives_mail_and_not_a_missing_line(store: Store) -> None:
    text = store.authorities.export_key("root")
    mailed = b"here you are:\r\n\r\n" + text.replace(b"\n", b"\r\n") + b"regards\r\n"

    store.authorities.unlock_exported("root", mailed, PASSPHRASE)
    lines = text.splitlines(keepends=True)
    for damage in (b"", b"".join(lines[:6]), b"".join(lines[1:])):
        with pytest.raises(NotTheKey):
            store.authorities.unlock_exported("root", damage, PASSPHRASE)
    with pytest.raises((NotTheKey, WrongPassphrase)):
        store.authorities.unlock_exported("root", b"".join(lines[:6] + lines[7:]), PASSPHRASE)


def test_the_key_of_another_authority_or_state_is_named(store: Store, tmp_path: Path) -> None:
    found_ca(tmp_path / "other")
    with Store.open(tmp_path / "other", now=NOW) as other:
        foreign = other.authorities.export_key("root")

    for text, whose in ((store.authorities.export_key("clients"), "clients G1"), (foreign, "root")):
        with pytest.raises(NotTheKey, match=f"holds the key of {whose}"):
            store.authorities.unlock_exported("root", text, PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        store.authorities.unlock_exported("root", store.authorities.export_key("root"), "guess")


def test_a_changed_passphrase_opens_every_key_and_the_old_one_none(
    store: Store, state: Path
) -> None:
    before = sealed_keys(store)
    keys = {name: store.unlock(name, PASSPHRASE).key for name in ("root", "servers", "clients")}

    store.change_passphrase(PASSPHRASE, NEW, now=NOW, cost=CHEAP)

    for name, key in keys.items():
        assert is_same_key(store.unlock(name, NEW).key.public_key(), key.public_key())
        with pytest.raises(WrongPassphrase):
            store.unlock(name, PASSPHRASE)
    assert not [sealed for sealed in before if sealed[-48:] in content(state)]
    assert [one.kind for one in store.journal.list()[-3:]] == ["passphrase changed"] * 3
    store.journal.verify()


@pytest.mark.parametrize(("old", "new"), [("guess", NEW), (PASSPHRASE, "")])
def test_a_passphrase_that_will_not_do_changes_nothing(store: Store, old: str, new: str) -> None:
    before = sealed_keys(store), store.journal.list()

    with pytest.raises(WrongPassphrase):
        store.change_passphrase(old, new, now=NOW, cost=CHEAP)

    assert (sealed_keys(store), store.journal.list()) == before
    store.certificates.issue(client_request(), store.unlock("clients", PASSPHRASE), now=NOW)


def test_a_passphrase_changes_without_the_keys_that_are_elsewhere(store: Store) -> None:
    exported = store.authorities.export_key("root")
    store.authorities.forget_key("root", now=NOW)

    store.change_passphrase(PASSPHRASE, NEW, now=NOW, cost=CHEAP)

    store.unlock("servers", NEW)
    store.authorities.unlock_exported("root", exported, PASSPHRASE)


def test_a_reader_in_the_way_is_no_failure_and_the_key_goes_with_it(
    store: Store, state: Path
) -> None:
    sealed = sealed_keys(store)[0]
    reader = sqlite3.connect(state / "state.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchone()

    assert not store.authorities.forget_key("root", now=NOW)

    with pytest.raises(KeyElsewhere):
        store.unlock("root", PASSPHRASE)
    reader.close()
    assert store.authorities.forget_key("root", now=NOW)
    assert not traces(sealed, state)
