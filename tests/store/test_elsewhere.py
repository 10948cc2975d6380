"""What was signed with our authorities' keys by a state that is lost, or by another program."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployer.pki.authority import Signer
from deployer.pki.crl import CRL, Revocation, issue_crl
from deployer.store.certificates import UnknownCertificate
from deployer.store.elsewhere import NotOurs
from deployer.store.records import CertificateState
from deployer.store.state import Store
from tests.store.examples import NOW, PASSPHRASE, client_request, server_request

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def lost(store: Store, tmp_path: Path) -> Store:
    """A state that knows nothing of what `store` does from here on."""
    store.backup(tmp_path / "backup")
    return Store.restore(tmp_path / "backup", tmp_path / "restored", now=NOW + DAY)


def foreign_list(
    signer: Signer, *serials: int, reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise
) -> CRL:
    return issue_crl(
        signer,
        [
            Revocation(serial=one, revoked_at=NOW - HOUR, expires=NOW + DAY, reason=reason)
            for one in serials
        ],
        number=10**15,
        this_update=NOW - HOUR / 2,
        next_update=NOW + 7 * DAY,
    )


def test_a_certificate_that_the_state_lost_is_recorded_and_can_be_revoked(
    store: Store, lost: Store
) -> None:
    clients, servers = (store.unlock(name, PASSPHRASE) for name in ("clients", "servers"))
    alice = store.certificates.issue(client_request("alice"), clients, now=NOW).certificate
    web = store.certificates.issue(server_request(), servers, now=NOW).certificate
    with lost:
        later = NOW + DAY
        found = lost.certificates.record_found(alice, "clients", 1, now=later)
        server = lost.certificates.record_found(web, "servers", 1, now=later)

        assert (found.kind, found.name, found.host) == ("client", "alice", "")
        assert (server.kind, server.name) == ("server", "api.example.com")
        assert found.state(later) is CertificateState.VALID
        assert lost.certificates.record_found(alice, "clients", 1, now=later) == found
        assert [event.kind for event in lost.journal.list()[-2:]] == ["certificate found"] * 2
        rungs = lost.certificates.revoke(alice.serial_number, clients, now=later)
        assert rungs[0].get_revoked_certificate_by_serial_number(alice.serial_number)
        lost.journal.verify()


def test_only_what_the_authority_signed_is_recorded(store: Store) -> None:
    servers = store.unlock("servers", PASSPHRASE)
    web = store.certificates.issue(server_request(), servers, now=NOW).certificate

    with pytest.raises(NotOurs, match="clients G1 did not sign the certificate"):
        store.certificates.record_found(web, "clients", 1, now=NOW)


def test_a_foreign_list_is_taken_over_whole_and_ours_comes_after_it(store: Store) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    alice = store.certificates.issue(client_request("alice"), signer, now=NOW).certificate
    theirs = foreign_list(signer, 77, alice.serial_number)

    assert store.certificates.import_revocations(theirs, signer, now=NOW) == 2
    assert store.certificates.import_revocations(theirs, signer, now=NOW) == 0

    for rung in store.crls.current(signer.authority):
        assert {entry.serial_number for entry in rung} == {77, alice.serial_number}
        number = rung.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        assert number > 10**15
        assert rung.last_update_utc > theirs.last_update_utc
    (unknown,) = store.certificates.list(kind="unknown")
    assert (unknown.serial, unknown.status) == (77, "foreign")
    assert (unknown.revoked_at, unknown.reason) == (NOW - HOUR, "keyCompromise")
    assert unknown.state(NOW) is CertificateState.REVOKED
    assert unknown in store.certificates.list(state=CertificateState.REVOKED)
    (known,) = store.certificates.list(name="alice")
    assert known.revoked_at == NOW - HOUR
    with pytest.raises(UnknownCertificate):
        store.certificates.read(77)
    store.journal.verify()


@pytest.mark.parametrize("flaw", ["signer", "part", "taken back"])
def test_a_list_that_is_not_the_authoritys_whole_one_changes_nothing(
    store: Store, flaw: str
) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    whole = foreign_list(signer, 77)
    match flaw:
        case "signer":
            found = foreign_list(store.unlock("servers", PASSPHRASE), 77)
        case "taken back":
            found = foreign_list(signer, 77, reason=x509.ReasonFlags.remove_from_crl)
        case _:
            builder = (
                x509.CertificateRevocationListBuilder()
                .issuer_name(whole.issuer)
                .last_update(whole.last_update_utc)
                .next_update(NOW + DAY)
                .add_extension(x509.DeltaCRLIndicator(1), critical=True)
            )
            found = signer.sign_crl(builder)
    events = store.journal.list()

    with pytest.raises(NotOurs):
        store.certificates.import_revocations(found, signer, now=NOW)

    assert store.journal.list() == events
