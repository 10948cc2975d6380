from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deployer.pki.keys import KeyType, private_key_pem
from deployer.pki.names import InvalidName
from deployer.pki.pem import write_crls
from deployer.pki.trust import check_crls, check_trust, depth
from deployer.store.faults import NoState
from deployer.store.founding import AlreadyFounded
from deployer.store.keys import WrongPassphrase
from deployer.store.state import Store
from tests.pki.examples import key_of, openssl_verify
from tests.store.examples import (
    CHEAP,
    NOW,
    PASSPHRASE,
    client_request,
    found_ca,
    lists_above,
    server_request,
)


def init(store: Store, organization: str = "Example", passphrase: str = PASSPHRASE) -> None:
    store.init_ca(organization=organization, passphrase=passphrase, now=NOW, cost=CHEAP)


def test_a_ca_is_a_root_and_an_authority_for_each_side(store: Store) -> None:
    root, servers, clients = store.authorities.list()

    assert [one.name for one in (root, servers, clients)] == ["root", "servers", "clients"]
    assert servers.bundle == (servers.certificate, root.certificate)
    assert clients.bundle == (clients.certificate, root.certificate)
    assert store.authorities.current("clients") == clients
    assert depth(clients.bundle) == 2


def test_a_new_ca_is_ready_for_apache(store: Store) -> None:
    authority = store.authorities.current("clients")
    lists = write_crls(lists_above(store, authority))

    assert not check_trust("www", authority.bundle_pem, now=NOW)
    assert not check_crls("www", lists, trust=authority.bundle, revocation="chain", now=NOW)


def test_what_a_ca_issues_verifies(store: Store, tmp_path: Path) -> None:
    servers, clients = (store.unlock(name, PASSPHRASE) for name in ("servers", "clients"))
    root = store.authorities.current("root").certificate
    server = store.certificates.issue(server_request(), servers, now=NOW)
    client = store.certificates.issue(client_request(), clients, now=NOW)

    for issued, purpose in ((server, "sslserver"), (client, "sslclient")):
        assert not openssl_verify(
            tmp_path,
            issued.certificate,
            untrusted=[issued.authority.certificate],
            roots=[root],
            crls=lists_above(store, issued.authority),
            purpose=purpose,
        )


def test_p_384_is_the_default(tmp_path: Path) -> None:
    with Store.create(tmp_path / "new", now=NOW) as store:
        init(store)
        key = store.unlock("root", PASSPHRASE).key

    assert key.key_size == 384  # type: ignore[union-attr]


def test_a_second_ca_is_refused(store: Store) -> None:
    before = store.authorities.list()

    with pytest.raises(AlreadyFounded, match="there is a CA already"):
        init(store)
    assert store.authorities.list() == before


@pytest.mark.parametrize(("organization", "passphrase"), [("x" * 60, "x"), ("Example", "")])
def test_a_ca_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, organization: str, passphrase: str
) -> None:
    with Store.create(tmp_path / "new", now=NOW) as store:
        with pytest.raises((InvalidName, WrongPassphrase)):
            init(store, organization, passphrase)

        assert store.authorities.list() == ()
        assert store.certificates.list() == ()
        assert store.journal.list() == ()
    assert len(found_ca(tmp_path / "new")) == 3


def test_a_state_without_a_ca_says_how_to_make_one(tmp_path: Path) -> None:
    with Store.create(tmp_path / "new", now=NOW) as store, pytest.raises(NoState) as refusal:
        store.authorities.current("clients")

    assert refusal.value.hint == "deployer ca init"


def test_a_mistyped_authority_is_answered_with_the_nearest(store: Store) -> None:
    with pytest.raises(NoState, match="no authority named 'client'") as refusal:
        store.authorities.current("client")

    assert refusal.value.hint == "did you mean clients?"


def test_a_wrong_passphrase_is_refused(store: Store) -> None:
    with pytest.raises(WrongPassphrase, match="the key of clients G1"):
        store.unlock("clients", "guess")


def test_the_authorities_certificates_are_in_the_books_too(store: Store) -> None:
    records = store.certificates.list(kind="authority")

    assert [(record.name, record.authority) for record in records] == [
        ("root", "root"),
        ("servers", "root"),
        ("clients", "root"),
    ]
    assert len({record.serial for record in records}) == 3


def test_the_making_of_a_ca_is_on_record(store: Store) -> None:
    made = [event for event in store.journal.list() if event.kind == "authority made"]

    assert [event.facts["authority"] for event in made] == ["root G1", "servers G1", "clients G1"]
    assert [event.facts["sha256"] for event in made] == [
        one.certificate.fingerprint(SHA256()).hex() for one in store.authorities.list()
    ]


def test_no_private_key_is_in_the_state(store: Store, state: Path) -> None:
    signers = [store.unlock(name, PASSPHRASE) for name in ("root", "servers", "clients")]
    store.certificates.issue(server_request(), signers[1], now=NOW)
    store.certificates.issue(client_request(), signers[2], now=NOW)
    leaves = [key_of(KeyType.P256, whose) for whose in ("server", "client")]
    needles = [PASSPHRASE.encode(), b"PRIVATE KEY"]
    for key in (*(signer.key for signer in signers), *leaves):
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        number = key.private_numbers().private_value  # type: ignore[union-attr]
        raw = number.to_bytes(32, "big")
        assert raw in der
        needles += [raw, raw.hex().encode(), private_key_pem(key).splitlines()[1][:40]]

    content = b"".join(path.read_bytes() for path in state.iterdir())

    assert b"api.example.com" in content
    for needle in needles:
        assert needle not in content
