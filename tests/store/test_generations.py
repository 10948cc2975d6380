"""Authorities that follow each other, and who may sign in between."""

from datetime import timedelta

import pytest

from deployer.pki.authority import Authority, AuthorityState, Signer
from deployer.pki.keys import KeyType
from deployer.store.certificates import CannotRevoke
from deployer.store.crls import CannotPublish
from deployer.store.faults import NoState
from deployer.store.generations import StillInUse, WrongState
from deployer.store.keys import WrongPassphrase
from deployer.store.register import IssuesNothing
from deployer.store.state import Store
from tests.store.examples import CHEAP, NOW, PASSPHRASE, client_request

DAY = timedelta(days=1)


def prepare(store: Store, name: str = "clients") -> Authority:
    return store.prepare(
        name,
        root=store.unlock("root", PASSPHRASE),
        passphrase=PASSPHRASE,
        now=NOW,
        key_type=KeyType.P256,
        cost=CHEAP,
    )


def states(store: Store, name: str = "clients") -> list[AuthorityState]:
    return [one.state for one in store.authorities.records() if one.authority.name == name]


def first(store: Store) -> Signer:
    return store.unlock("clients", PASSPHRASE, generation=1)


def test_a_prepared_generation_is_trusted_and_does_not_issue(store: Store) -> None:
    before = store.authorities.current("clients")

    prepared = prepare(store)

    assert (prepared.name, prepared.generation) == ("clients", 2)
    assert prepared.certificate.subject != before.certificate.subject
    assert store.authorities.current("clients") == before
    assert store.authorities.trusted("clients") == (before, prepared)
    assert store.crls.current(prepared)
    assert states(store) == [AuthorityState.ACTIVE, AuthorityState.PREPARED]
    store.journal.verify()


def test_the_active_one_only_stays_trusted_when_the_next_is_activated(store: Store) -> None:
    before, prepared = store.authorities.current("clients"), prepare(store)

    assert store.activate("clients", now=NOW) == prepared

    assert store.authorities.current("clients") == prepared
    assert store.unlock("clients", PASSPHRASE).authority == prepared
    assert first(store).authority == before
    assert store.authorities.trusted("clients") == (before, prepared)
    assert states(store) == [AuthorityState.RETIRING, AuthorityState.ACTIVE]
    store.journal.verify()


def test_a_generation_on_which_somebody_hangs_is_not_retired(store: Store) -> None:
    serial = store.certificates.issue(
        client_request("alice"), first(store), now=NOW
    ).certificate.serial_number
    prepare(store)
    store.activate("clients", now=NOW)

    with pytest.raises(StillInUse, match=f"the client certificate {serial:x} of alice would be"):
        store.retire("clients", now=NOW, generation=1)

    store.certificates.revoke(serial, first(store), now=NOW)
    retired = store.retire("clients", now=NOW, generation=1)
    assert store.authorities.trusted("clients") == (store.authorities.current("clients"),)
    assert retired in store.authorities.list()
    assert states(store) == [AuthorityState.RETIRED, AuthorityState.ACTIVE]
    store.journal.verify()


def test_nobody_hangs_on_a_generation_whose_leaves_have_expired(store: Store) -> None:
    store.certificates.issue(client_request("alice"), first(store), now=NOW)
    prepare(store)
    store.activate("clients", now=NOW)

    store.retire("clients", now=NOW + 400 * DAY, generation=1)

    assert states(store)[0] is AuthorityState.RETIRED


def test_a_retired_authority_publishes_no_more_and_its_lists_are_never_due(store: Store) -> None:
    prepare(store)
    store.activate("clients", now=NOW)
    retired = store.retire("clients", now=NOW, generation=1)

    with pytest.raises(CannotPublish, match="clients G1 is retired"):
        store.crls.publish(first(store), now=NOW)
    assert retired not in store.crls.due(NOW + 300 * DAY)
    assert len(store.crls.due(NOW + 300 * DAY)) == 3


@pytest.mark.parametrize("generation", [1, 2])
def test_a_preparation_can_be_given_up_and_the_active_one_cannot(
    store: Store, generation: int
) -> None:
    prepare(store)

    if generation == 1:
        with pytest.raises(WrongState, match="clients G1 is active"):
            store.retire("clients", now=NOW, generation=1)
    else:
        store.retire("clients", now=NOW, generation=2)
        assert states(store) == [AuthorityState.ACTIVE, AuthorityState.RETIRED]
        assert prepare(store).generation == 3


def test_one_is_prepared_at_a_time_and_none_activated_twice(store: Store) -> None:
    prepare(store)
    with pytest.raises(WrongState, match="clients G2 is prepared already"):
        prepare(store)
    store.activate("clients", now=NOW)

    with pytest.raises(WrongState, match="no generation of clients is prepared"):
        store.activate("clients", now=NOW)


def test_a_root_has_generations_too_and_stays_for_those_below_it(store: Store) -> None:
    root = prepare(store, "root")
    store.activate("root", now=NOW)

    assert root.chain == ()
    assert root.organization == "Example"
    with pytest.raises(StillInUse, match="the authority certificate"):
        store.retire("root", now=NOW, generation=1)


def test_a_generation_that_never_was_is_named_with_those_that_were(store: Store) -> None:
    for asking in (
        lambda: store.unlock("clients", PASSPHRASE, generation=7),
        lambda: store.retire("clients", now=NOW, generation=7),
    ):
        with pytest.raises(NoState, match="no authority clients G7"):
            asking()
    with pytest.raises(NoState, match="no authority named 'client'") as refusal:
        prepare(store, "client")
    assert refusal.value.hint == "did you mean clients?"


@pytest.mark.parametrize(
    ("retired", "why"), [(False, "no longer issues: it is retiring"), (True, "it is retired")]
)
def test_a_key_that_was_opened_earlier_issues_nothing_when_its_time_is_over(
    store: Store, *, retired: bool, why: str
) -> None:
    opened = first(store)
    prepare(store)
    with pytest.raises(IssuesNothing, match="clients G2 does not issue yet: it is prepared"):
        store.certificates.issue(
            client_request(), store.unlock("clients", PASSPHRASE, generation=2), now=NOW
        )
    store.activate("clients", now=NOW)
    if retired:
        store.retire("clients", now=NOW, generation=1)

    with pytest.raises(IssuesNothing, match=why) as refusal:
        store.certificates.issue(client_request(), opened, now=NOW)

    assert refusal.value.hint == "deployer ca show; type the command again"
    assert store.certificates.list(kind="client") == ()


def revoke(store: Store, authority: Authority) -> None:
    root = store.unlock("root", PASSPHRASE)
    store.certificates.revoke(authority.certificate.serial_number, root, now=NOW)


def test_a_revoked_authority_issues_nothing_and_goes_with_all_its_leaves(store: Store) -> None:
    signer = first(store)
    store.certificates.issue(client_request("alice"), signer, now=NOW)
    revoke(store, signer.authority)

    with pytest.raises(IssuesNothing, match="clients G1 no longer issues: it was revoked on"):
        store.certificates.issue(client_request("bob"), signer, now=NOW)
    revoked = {one.authority.name: one.revoked_at for one in store.authorities.records()}
    assert revoked == {"root": None, "servers": None, "clients": NOW}
    store.retire("clients", now=NOW, generation=1)

    with pytest.raises(NoState, match="no generation of clients is active: clients G1 is retired"):
        store.authorities.current("clients")
    prepare(store)
    store.activate("clients", now=NOW)
    store.certificates.issue(client_request("alice"), store.unlock("clients", PASSPHRASE), now=NOW)
    store.journal.verify()


def test_a_revoked_preparation_is_never_activated(store: Store) -> None:
    revoke(store, prepare(store))

    with pytest.raises(WrongState, match="clients G2 cannot issue: it was revoked"):
        store.activate("clients", now=NOW)

    assert states(store) == [AuthorityState.ACTIVE, AuthorityState.PREPARED]


def test_a_root_cannot_revoke_itself(store: Store) -> None:
    root = store.unlock("root", PASSPHRASE)
    before = store.crls.current(root.authority)

    with pytest.raises(CannotRevoke, match="a root cannot revoke itself") as refusal:
        revoke(store, root.authority)

    assert refusal.value.hint == "take it out of every trust store; found a new CA"
    assert store.crls.current(root.authority) == before


def test_a_mistyped_passphrase_seals_no_new_key(store: Store) -> None:
    root = store.unlock("root", PASSPHRASE)
    events = store.journal.list()

    with pytest.raises(WrongPassphrase):
        store.prepare("clients", root=root, passphrase="mistyped", now=NOW, cost=CHEAP)

    assert states(store) == [AuthorityState.ACTIVE]
    assert store.journal.list() == events


def test_the_key_of_a_root_that_retires_can_be_kept_elsewhere_too(store: Store) -> None:
    prepare(store, "root")
    store.activate("root", now=NOW)

    exported = store.authorities.export_key("root", 1)
    assert store.authorities.forget_key("root", 1, now=NOW)

    signer = store.authorities.unlock_exported("root", exported, PASSPHRASE, generation=1)
    assert signer.authority.generation == 1
    has_key = {
        str(one.authority.generation): one.has_key
        for one in store.authorities.records()
        if one.authority.name == "root"
    }
    assert has_key == {"1": False, "2": True}
