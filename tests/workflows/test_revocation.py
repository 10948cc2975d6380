"""Who holds what, and how it is taken back."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.pki.authority import Signer
from deployer.store.records import CertificateState
from deployer.store.state import Store
from deployer.workflows.handover import HandOver
from deployer.workflows.holders import Which, holders
from deployer.workflows.identities import Registrar, wished
from deployer.workflows.revocation import NothingToRevoke, Reason, others_of, revoke, valid_of
from tests.store.examples import NOW, PASSPHRASE

DAY = timedelta(days=1)
Hand = Callable[..., HandOver]


@pytest.fixture
def hand(store: Store, tmp_path: Path) -> Hand:
    """Hand over one identity after the other, each into a directory of its own."""
    registrar = Registrar(store=store, signer=store.unlock("clients", PASSPHRASE), now=NOW)
    count = iter(range(100))

    def hand_over(name: str, lifetime: timedelta = 30 * DAY) -> HandOver:
        directory = tmp_path / f"{next(count)}"
        return registrar.hand_over(wished(name, lifetime=lifetime), directory)

    return hand_over


def serial(one: HandOver) -> int:
    return one.issued.certificate.serial_number


def take_back(store: Store, name: str, reason: Reason = Reason.CESSATION, prefix: str = "") -> None:
    def open_key(authority: str, generation: int) -> Signer:
        return store.unlock(authority, PASSPHRASE, generation=generation)

    revoke(valid_of(name, store, now=NOW, prefix=prefix), store, open_key, now=NOW, reason=reason)


def test_all_certificates_of_a_name_are_revoked_with_one_ladder(store: Store, hand: Hand) -> None:
    mine, other = [hand("alice"), hand("alice")], hand("bob")
    clients = store.authorities.current("clients")
    before = store.crls.current(clients)

    take_back(store, "alice", Reason.KEY_COMPROMISE)

    lists = store.crls.current(clients)
    revoked = {entry.serial_number for entry in lists[0]}
    assert revoked == set(map(serial, mine))
    assert serial(other) not in revoked
    numbers = [event for event in store.journal.list() if event.kind == "crls published"]
    assert len(lists) == len(before)
    assert len(numbers) == 4, "one for each of three authorities at the founding, and one now"


def test_a_prefix_means_one_certificate(store: Store, hand: Hand) -> None:
    first, second = hand("alice"), hand("alice")

    take_back(store, "alice", prefix=f"{serial(first):X}"[:12])

    assert [one.serial for one in valid_of("alice", store, now=NOW)] == [serial(second)]


def test_a_prefix_of_nothing_and_one_of_two_are_refused(store: Store, hand: Hand) -> None:
    serials = [f"{serial(hand('alice')):x}" for _ in range(17)]
    first = next(one[0] for one in serials if sum(s[0] == one[0] for s in serials) > 1)

    with pytest.raises(NothingToRevoke, match="begins the serial numbers of"):
        valid_of("alice", store, now=NOW, prefix=first)
    with pytest.raises(NothingToRevoke, match="no valid certificate whose serial number begins"):
        valid_of("alice", store, now=NOW, prefix="x")


def test_what_is_over_cannot_be_revoked(store: Store, hand: Hand) -> None:
    hand("alice")

    with pytest.raises(NothingToRevoke, match="no valid certificate"):
        valid_of("alice", store, now=NOW + 31 * DAY)
    with pytest.raises(NothingToRevoke, match="never had"):
        valid_of("bob", store, now=NOW)


def test_the_others_of_a_renewed_identity_are_found(store: Store, hand: Hand) -> None:
    old, new = hand("alice"), hand("alice")

    (found,) = others_of("alice", store, than=serial(new), now=NOW)

    assert found.serial == serial(old)


def test_holders_are_listed_with_their_valid_certificates(store: Store, hand: Hand) -> None:
    hand("alice"), hand("alice"), hand("bob@example.com"), hand("carol", DAY)
    hand("dave")
    take_back(store, "dave")
    later = NOW + 2 * DAY

    found = {one.name: one for one in holders(store, now=later, which=Which.VALID)}

    assert {name: one.valid for name, one in found.items()} == {"alice": 2, "bob@example.com": 1}
    assert found["bob@example.com"].names == ("bob@example.com",)
    (expired,) = holders(store, now=later, which=Which.EXPIRED)
    assert (expired.name, expired.state) == ("carol", CertificateState.EXPIRED)
    everybody = holders(store, now=later, which=Which.ALL)
    assert [one.name for one in everybody] == ["alice", "bob@example.com", "carol", "dave"]
    assert everybody[-1].state is CertificateState.REVOKED


def test_every_reason_is_one_that_lists_carry(store: Store, hand: Hand) -> None:
    for reason in Reason:
        hand(reason.value)
        take_back(store, reason.value, reason)

    recorded = {one.name: one.reason for one in store.certificates.list(kind="client")}
    assert recorded == {reason.value: reason.flag.value for reason in Reason}
