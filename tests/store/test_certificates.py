from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from deployer.pki.crl import ClockWentBack
from deployer.pki.issue import CannotIssue, LeafRequest
from deployer.pki.keys import KeyType
from deployer.pki.material import check_server
from deployer.pki.profiles import SERVER
from deployer.store.certificates import UnknownCertificate
from deployer.store.records import CertificateRequest, IssuedCertificate
from deployer.store.state import Store
from tests.pki.examples import key_of, openssl_verify
from tests.store.examples import NOW, PASSPHRASE, client_request, lists_above, server_request

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def test_what_is_issued_is_on_record_with_all_that_names_it(store: Store) -> None:
    signer = store.unlock("servers", PASSPHRASE)

    issued = store.certificates.issue(server_request(), signer, now=NOW)

    (record,) = store.certificates.list(kind="server")
    assert record.serial == issued.certificate.serial_number
    assert (record.authority, record.generation) == ("servers", 1)
    assert (record.host, record.name, record.subject) == ("web1", *["api.example.com"] * 2)
    assert (record.status, record.revoked_at) == ("issued", None)
    assert record.not_before == issued.certificate.not_valid_before_utc
    assert record.not_after == issued.certificate.not_valid_after_utc
    assert record.key_sha256 == server_request().key_sha256
    facts = store.journal.list()[-1].facts
    assert (facts["serial"], facts["authority"]) == (f"{record.serial:x}", "servers G1")
    assert facts["sha256"] == issued.certificate.fingerprint(SHA256()).hex()


def test_what_is_issued_can_be_served(store: Store) -> None:
    issued = store.certificates.issue(
        server_request(), store.unlock("servers", PASSPHRASE), now=NOW
    )

    assert not check_server(
        "web1",
        fullchain=issued.fullchain_pem,
        private_key=None,
        names=["api.example.com"],
        now=NOW,
    )


def test_the_latest_of_a_target_is_found_again_with_its_chain(store: Store) -> None:
    signer = store.unlock("servers", PASSPHRASE)
    store.certificates.issue(server_request(), signer, now=NOW)
    second = store.certificates.issue(server_request(), signer, now=NOW)
    store.certificates.issue(server_request(host="web2"), signer, now=NOW)
    store.certificates.issue(server_request(name="www.example.com"), signer, now=NOW)

    found = store.certificates.of_target(kind="server", host="web1", name="api.example.com")

    assert found == second
    assert found is not None
    assert found.fullchain_pem == second.fullchain_pem


def test_the_certificate_of_the_key_in_use_is_found_behind_a_newer_one(store: Store) -> None:
    signer = store.unlock("servers", PASSPHRASE)
    of_key = {
        key: store.certificates.issue(replace(server_request(), key_sha256=key), signer, now=NOW)
        for key in ("in use", "never arrived")
    }

    def found(key: str | None) -> IssuedCertificate | None:
        return store.certificates.of_target(
            kind="server", host="web1", name="api.example.com", key_sha256=key
        )

    assert found("in use") == of_key["in use"]
    assert found("of a stranger") == found(None) == of_key["never arrived"]
    store.certificates.revoke(of_key["in use"].certificate.serial_number, signer, now=NOW)
    assert found("in use") == of_key["never arrived"]


def test_a_target_without_a_certificate_has_none(store: Store) -> None:
    assert store.certificates.of_target(kind="server", host="web9", name="x") is None
    assert store.certificates.of_target(kind="client", host="", name="root") is None


def test_a_batch_is_issued_in_the_order_asked(store: Store) -> None:
    requests = [server_request(host=f"web{number}") for number in range(20)]

    issued = store.certificates.issue_all(requests, store.unlock("servers", PASSPHRASE), now=NOW)

    assert [one.host for one in issued] == [one.host for one in requests]
    assert len({one.certificate.serial_number for one in issued}) == 20
    assert store.certificates.issue_all([], store.unlock("servers", PASSPHRASE), now=NOW) == ()


def test_the_books_are_searched_by_kind_host_and_name(store: Store) -> None:
    servers, clients = (store.unlock(name, PASSPHRASE) for name in ("servers", "clients"))
    store.certificates.issue(server_request(), servers, now=NOW)
    store.certificates.issue(client_request("alice"), clients, now=NOW)
    store.certificates.issue(client_request("batch", host="web1"), clients, now=NOW)

    assert [one.name for one in store.certificates.list(kind="client")] == ["alice", "batch"]
    assert [one.kind for one in store.certificates.list(host="web1")] == ["server", "client"]
    assert [one.host for one in store.certificates.list(name="alice")] == [""]


def unusable_request() -> CertificateRequest:
    leaf = LeafRequest(
        profile=SERVER,
        common_name="x",
        alternative_names=(),
        public_key=key_of(KeyType.P256, "server").public_key(),
    )
    return CertificateRequest(leaf=leaf, host="web1", name="x", key_sha256="")


def test_a_request_that_is_refused_is_closed_at_once_and_hands_out_nothing(store: Store) -> None:
    signer = store.unlock("servers", PASSPHRASE)

    with pytest.raises(CannotIssue):
        store.certificates.issue_all([server_request(), unusable_request()], signer, now=NOW)

    records = store.certificates.list(kind="server")
    assert [(one.status, one.revoked_at) for one in records] == [("abandoned", None)] * 2
    assert store.certificates.of_target(kind="server", host="web1", name="api.example.com") is None
    store.certificates.issue(server_request(), signer, now=NOW)


def test_a_revoked_client_is_refused_and_the_others_are_not(store: Store, tmp_path: Path) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    alice, mallory = (
        store.certificates.issue(client_request(name), signer, now=NOW)
        for name in ("alice", "mallory")
    )

    store.certificates.revoke(
        mallory.certificate.serial_number,
        signer,
        now=NOW,
        reason=x509.ReasonFlags.key_compromise,
    )

    def verdict(leaf: x509.Certificate, day: int) -> str:
        return openssl_verify(
            tmp_path,
            leaf,
            untrusted=[signer.authority.certificate],
            roots=[store.authorities.current("root").certificate],
            crls=lists_above(store, signer.authority),
            purpose="sslclient",
            at=NOW + day * DAY,
        )

    for day in (0, 10, 34):
        assert "certificate revoked" in verdict(mallory.certificate, day)
        assert not verdict(alice.certificate, day)
    assert store.certificates.of_target(kind="client", host="", name="mallory") is None
    (record,) = store.certificates.list(name="mallory")
    assert (record.revoked_at, record.reason) == (NOW, "keyCompromise")


def test_two_revocations_in_one_second_have_lists_of_two_times(store: Store) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    serials = [
        store.certificates.issue(client_request(name), signer, now=NOW).certificate.serial_number
        for name in ("mallory", "trudy")
    ]
    before = store.crls.current(signer.authority)[0]

    first, second = (store.certificates.revoke(one, signer, now=NOW)[0] for one in serials)

    assert first.last_update_utc == before.last_update_utc + SECOND
    assert second.last_update_utc == first.last_update_utc + SECOND
    assert {entry.serial_number for entry in second} == set(serials)


def test_numbers_of_lists_only_rise_over_whole_ladders(store: Store) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    ladders = [store.crls.current(signer.authority)]
    ladders += [store.crls.publish(signer, now=NOW + day * DAY) for day in (0, 1, 20)]

    numbers = [
        crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for rungs in ladders
        for crl in rungs
    ]
    assert numbers == sorted(set(numbers))
    assert store.crls.current(signer.authority) == ladders[-1]


def test_a_new_ladder_is_later_than_the_rung_that_hosts_now_use(store: Store) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    in_use = store.crls.current(signer.authority)[2]
    now = in_use.last_update_utc + 60 * SECOND

    assert store.crls.publish(signer, now=now)[0].last_update_utc == in_use.last_update_utc + SECOND


@pytest.mark.fault(54)
def test_a_clock_that_went_back_signs_no_list(store: Store) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    store.crls.publish(signer, now=NOW + 2 * DAY)

    with pytest.raises(ClockWentBack):
        store.crls.publish(signer, now=NOW)


def test_revoking_twice_keeps_the_first_reason(store: Store) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    issued = store.certificates.issue(client_request(), signer, now=NOW)
    serial = issued.certificate.serial_number

    store.certificates.revoke(serial, signer, now=NOW, reason=x509.ReasonFlags.superseded)
    store.certificates.revoke(serial, signer, now=NOW + DAY)

    (record,) = store.certificates.list(name="alice")
    assert (record.revoked_at, record.reason) == (NOW, "superseded")


def test_only_what_an_authority_issued_can_be_revoked_by_it(store: Store) -> None:
    issued = store.certificates.issue(
        server_request(), store.unlock("servers", PASSPHRASE), now=NOW
    )
    clients = store.unlock("clients", PASSPHRASE)
    before = store.crls.current(clients.authority)

    for serial in (issued.certificate.serial_number, 12345):
        with pytest.raises(UnknownCertificate, match="clients G1 issued no certificate"):
            store.certificates.revoke(serial, clients, now=NOW)
    assert store.crls.current(clients.authority) == before


def test_long_superseded_lists_are_dropped_and_the_journal_says_so(store: Store) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    for day in range(4):
        store.crls.publish(signer, now=NOW + day * DAY)

    with store._database.reading() as connection:  # noqa: SLF001
        query = (
            "SELECT a.name, count(DISTINCT c.ladder), count(DISTINCT iif(c.crl IS NULL, NULL, "
            "c.ladder)) FROM crls c JOIN authorities a ON a.id = c.authority_id GROUP BY a.name"
        )
        found = {row[0]: tuple(row[1:]) for row in connection.exec_driver_sql(query)}
    assert found == {"root": (1, 1), "servers": (1, 1), "clients": (5, 2)}
    kinds = [event.kind for event in store.journal.list()]
    assert kinds.count("crls dropped") == 3
    store.journal.verify()
