"""A CA that was there before."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from deployer.pki.adoption import Adoption, examine
from deployer.pki.keys import KeyType
from deployer.store.crls import CannotPublish
from deployer.store.founding import AlreadyFounded
from deployer.store.generations import WrongState
from deployer.store.state import Store
from tests.pki.examples import key_of, openssl_verify
from tests.store.examples import (
    CHEAP,
    NOW,
    PASSPHRASE,
    client_request,
    lists_above,
    server_request,
)

DAY = timedelta(days=1)


def foreign_ca(*, path_length: int | None, crl_sign: bool = True) -> Adoption:
    key = key_of(KeyType.P256, "foreign")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody's CA")])
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - 100 * DAY)
        .not_valid_after(NOW + 3000 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=crl_sign), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return examine(certificate, (), key, now=NOW)


def adopt(store: Store, adoption: Adoption) -> None:
    store.adopt_ca(
        adoption,
        organization="Example",
        passphrase=PASSPHRASE,
        now=NOW,
        key_type=KeyType.P256,
        cost=CHEAP,
    )


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "imported", now=NOW)


def test_a_root_that_is_imported_gets_authorities_of_ours_below_it(
    empty: Store, tmp_path: Path
) -> None:
    with empty as store:
        adopt(store, foreign_ca(path_length=None))

        root, servers, clients = store.authorities.records()
        assert [one.origin for one in (root, servers, clients)] == ["imported", "made", "made"]
        assert clients.authority.organization == "Example"
        issued = store.certificates.issue(
            client_request(), store.unlock("clients", PASSPHRASE), now=NOW
        )
        assert not openssl_verify(
            tmp_path,
            issued.certificate,
            untrusted=[issued.authority.certificate],
            roots=[root.authority.certificate],
            crls=lists_above(store, issued.authority),
            purpose="sslclient",
        )
        assert store.journal.list()[0].kind == "authority imported"
        assert len(store.certificates.list(kind="authority")) == 2
        store.journal.verify()


def test_a_ca_that_may_have_none_below_it_stands_for_all(empty: Store) -> None:
    with empty as store:
        adopt(store, foreign_ca(path_length=0))

        (ca,) = store.authorities.list()
        assert ca.name == "ca"
        for name in ("ca", "root", "servers", "clients"):
            assert store.authorities.current(name) == ca
            assert store.authorities.trusted(name) == (ca,)
            assert store.unlock(name, PASSPHRASE).authority == ca
        signer = store.unlock("clients", PASSPHRASE)
        for request in (client_request(), server_request()):
            assert store.certificates.issue(request, signer, now=NOW).authority == ca
        with pytest.raises(WrongState, match="has no generations"):
            store.prepare("clients", root=signer, passphrase=PASSPHRASE, now=NOW)
        store.journal.verify()


def test_its_lists_are_newer_than_any_that_it_signed_elsewhere(empty: Store) -> None:
    with empty as store:
        adopt(store, foreign_ca(path_length=0))

        first = store.crls.current(store.authorities.current("ca"))[0]
        assert first.last_update_utc == NOW
        number = first.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        assert number == NOW.timestamp() * 1000


def test_a_ca_that_may_not_sign_lists_says_so_when_it_is_asked_to(empty: Store) -> None:
    with empty as store:
        adopt(store, foreign_ca(path_length=0, crl_sign=False))

        signer = store.unlock("ca", PASSPHRASE)
        assert store.crls.current(signer.authority) == ()
        assert store.crls.due(NOW + 400 * DAY) == ()
        with pytest.raises(CannotPublish, match="ca G1 may not sign CRLs"):
            store.crls.publish(signer, now=NOW)
        leaf = store.certificates.issue(client_request(), signer, now=NOW).certificate
        with pytest.raises(CannotPublish):
            store.certificates.revoke(leaf.serial_number, signer, now=NOW)
        (record,) = store.certificates.list(kind="client")
        assert record.revoked_at is None


def test_a_second_ca_is_not_imported(store: Store) -> None:
    with pytest.raises(AlreadyFounded):
        adopt(store, foreign_ca(path_length=0))
