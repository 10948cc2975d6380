"""Identities that are read again: those that servers would turn away are refused."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from deployer.pki.keys import KeyType, private_key_pem
from deployer.pki.stranger import stranger
from deployer.store.state import Store
from deployer.workflows.clients import read_identity
from deployer.workflows.handover import HandOver, HandOverError, Part
from deployer.workflows.identities import Registrar, wished
from tests.pki.examples import key_of
from tests.store.examples import NOW, PASSPHRASE, found_ca

DAY = timedelta(days=1)


@pytest.fixture
def alice(store: Store, tmp_path: Path) -> HandOver:
    registrar = Registrar(store=store, signer=store.unlock("clients", PASSPHRASE), now=NOW)
    return registrar.hand_over(wished("alice", lifetime=DAY), tmp_path / "alice")


def refusal(alice: HandOver, store: Store, after: timedelta = timedelta()) -> HandOverError:
    with pytest.raises(HandOverError) as caught:
        read_identity(alice.directory, store, now=NOW + after)
    return caught.value


def test_an_identity_is_read_with_the_chain_on_record(store: Store, alice: HandOver) -> None:
    found = read_identity(alice.directory, store, now=NOW)

    assert found.certificate == alice.issued.certificate
    assert found.chain == (store.authorities.current("clients").certificate,)
    assert private_key_pem(found.key) == alice.path(Part.KEY).read_bytes()


@pytest.mark.parametrize(("after", "why"), [(DAY, "expired on"), (-DAY, "is not valid before")])
def test_dates_are_judged_by_the_clock_of_the_run(
    store: Store, alice: HandOver, after: timedelta, why: str
) -> None:
    error = refusal(alice, store, after)

    assert why in error.message
    assert str(alice.path(Part.CERTIFICATE)) in error.message
    assert error.hint


def test_a_revoked_identity_is_refused(store: Store, alice: HandOver) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    store.certificates.revoke(alice.issued.certificate.serial_number, signer, now=NOW)

    assert "was revoked" in refusal(alice, store).message


def test_an_identity_of_another_ca_of_the_same_name_is_refused(
    store: Store, alice: HandOver, tmp_path: Path
) -> None:
    found_ca(tmp_path / "other")

    with Store.open(tmp_path / "other", now=NOW) as other:
        assert "was not issued by" in refusal(alice, other).message


def test_who_certified_themselves_is_refused(store: Store, alice: HandOver) -> None:
    key = key_of(KeyType.P256, "stranger")
    certificate = stranger(key, now=NOW, serial=1)
    alice.path(Part.KEY).write_bytes(private_key_pem(key))
    alice.path(Part.CERTIFICATE).write_bytes(certificate.public_bytes(Encoding.PEM))

    assert "was not issued by" in refusal(alice, store).message


def test_a_key_of_another_certificate_is_refused(store: Store, alice: HandOver) -> None:
    alice.path(Part.KEY).write_bytes(private_key_pem(key_of(KeyType.P256, "stranger")))

    assert "is not the key of the certificate" in refusal(alice, store).message


def test_files_that_hold_something_else_are_named(store: Store, alice: HandOver) -> None:
    certificate = alice.path(Part.CERTIFICATE).read_bytes()
    alice.path(Part.CERTIFICATE).write_bytes(alice.path(Part.KEY).read_bytes())
    assert refusal(alice, store).message.startswith(f"{alice.path(Part.CERTIFICATE)}: ")

    alice.path(Part.KEY).write_bytes(os.urandom(64))
    assert refusal(alice, store).message.startswith(f"{alice.path(Part.KEY)} holds no private key")

    alice.path(Part.CERTIFICATE).write_bytes(certificate)
    alice.path(Part.KEY).unlink()
    assert "holds 0 keys" in refusal(alice, store).message
