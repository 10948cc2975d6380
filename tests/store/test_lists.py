"""What is asked of the books, by whoever runs them."""

from datetime import timedelta

import pytest
from cryptography import x509

from deployer.store.certificates import AmbiguousSerial, UnknownCertificate
from deployer.store.records import CertificateState
from deployer.store.state import Store
from tests.store.examples import NOW, PASSPHRASE, client_request, server_request

DAY = timedelta(days=1)
YEAR = 365 * DAY


@pytest.fixture
def books(store: Store) -> Store:
    """Two servers, alice who is let in, mallory who is not."""
    servers, clients = (store.unlock(name, PASSPHRASE) for name in ("servers", "clients"))
    requests = [server_request("web1"), server_request("web2")]
    store.certificates.issue_all(requests, servers, now=NOW)
    store.certificates.issue(client_request("alice"), clients, now=NOW)
    mallory = store.certificates.issue(client_request("mallory"), clients, now=NOW)
    serial = mallory.certificate.serial_number
    store.certificates.revoke(serial, clients, now=NOW, reason=x509.ReasonFlags.superseded)
    return store


def names(store: Store, **filters: object) -> list[str]:
    found = store.certificates.list(**filters)  # type: ignore[arg-type]
    return [record.host or record.name for record in found if record.kind != "authority"]


def test_the_books_are_searched_by_authority_state_and_end(books: Store) -> None:
    assert names(books, authority="clients") == ["alice", "mallory"]
    assert names(books, state=CertificateState.VALID, now=NOW) == ["web1", "web2", "alice"]
    assert names(books, state=CertificateState.REVOKED) == ["mallory"]
    assert names(books, state=CertificateState.EXPIRED, now=NOW) == []
    assert names(books, state=CertificateState.EXPIRED, now=NOW + 91 * DAY) == ["web1", "web2"]
    assert names(books, expires_before=NOW + 91 * DAY) == ["web1", "web2"]
    assert names(books, expires_before=NOW + 91 * DAY, host="web2") == ["web2"]


@pytest.mark.parametrize("days", [0, 90, 91, 365, 366])
def test_a_search_by_state_finds_what_the_records_say_of_themselves(
    books: Store, days: int
) -> None:
    now = NOW + days * DAY
    for state in CertificateState:
        found = books.certificates.list(state=state, now=now)
        everything = books.certificates.list()
        assert found == tuple(one for one in everything if one.state(now) is state)


def test_what_has_expired_is_not_asked_without_a_day(books: Store) -> None:
    with pytest.raises(ValueError, match="depends on the day"):
        books.certificates.list(state=CertificateState.VALID)


def test_a_certificate_is_found_by_the_beginning_of_its_serial_number_however_spelt(
    books: Store,
) -> None:
    (alice,) = books.certificates.list(name="alice")
    digits = f"{alice.serial:040x}"
    pairs = ":".join(digits[index : index + 2] for index in range(0, 40, 2))

    for spelling in (digits, digits.upper(), pairs, f"0x{digits}", digits[:12], f" {pairs[:8]}"):
        assert books.certificates.find(spelling) == alice
    assert books.certificates.read(alice.serial).name == "alice"


@pytest.mark.parametrize("prefix", ["", "0", "xyz", "alice", "%", "_", "g"])
def test_what_is_no_serial_number_is_refused(books: Store, prefix: str) -> None:
    with pytest.raises(UnknownCertificate, match="is not the beginning of a serial number"):
        books.certificates.find(prefix)


def test_a_beginning_that_several_share_is_refused_with_some_of_them(books: Store) -> None:
    everything = books.certificates.list()
    digits = [f"{record.serial:x}" for record in everything]
    signer = books.unlock("clients", PASSPHRASE)
    while len({one[0] for one in digits}) == len(digits):
        issued = books.certificates.issue(client_request(), signer, now=NOW)
        digits.append(f"{issued.certificate.serial_number:x}")
    shared = next(one[0] for one in digits if sum(two[0] == one[0] for two in digits) > 1)

    with pytest.raises(AmbiguousSerial, match=f"begin with {shared}: ") as refusal:
        books.certificates.find(shared)
    assert refusal.value.hint == "give more of its digits"


def test_a_serial_number_that_nobody_has_is_unknown(books: Store) -> None:
    unknown = "1" * 41

    with pytest.raises(UnknownCertificate, match=f"begins with {unknown}"):
        books.certificates.find(unknown)
    with pytest.raises(UnknownCertificate, match="was issued"):
        books.certificates.read(int(unknown, 16))


def test_many_are_revoked_with_one_ladder_or_none(books: Store) -> None:
    signer = books.unlock("servers", PASSPHRASE)
    serials = [record.serial for record in books.certificates.list(kind="server")]
    before = [event.kind for event in books.journal.list()].count("crls published")

    with pytest.raises(UnknownCertificate):
        books.certificates.revoke_all([*serials, 12345], signer, now=NOW)
    assert not books.certificates.list(kind="server", state=CertificateState.REVOKED)
    rungs = books.certificates.revoke_all([*serials, *serials], signer, now=NOW)

    for rung in rungs:
        assert {entry.serial_number for entry in rung} == set(serials)
    after = [event.kind for event in books.journal.list()].count("crls published")
    assert after == before + 1
    books.journal.verify()
