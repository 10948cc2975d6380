"""
What Apache does with clients, as facts of OpenSSL: a situation, and the error that it gives.

The product rests on these. Where it emits what a situation needs, the product's own authorities
and lists are used; what it must never emit is made by hand.
"""

import ipaddress
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from deployer.pki.constraints import read_constraints
from deployer.pki.crl import CRL, Revocation, ladder
from deployer.pki.keys import KeyType
from tests.conformance import doors
from tests.conformance.doors import ADMITTED, NO_CERTIFICATE, TOO_DEEP, Door, Knock, Tls, Visit
from tests.conformance.forge import Party, authority, crl, leaf, party
from tests.conformance.today import DAY, FOUNDED, HOUR, NOW
from tests.conformance.worlds import Shape, World, issue, leaves, world_of
from tests.pki.examples import key_of

# X509_V_ERR_…, as x509_vfy.h numbers them.
UNKNOWN_ROOT, NO_CRL, CRL_BAD_SIGNATURE, NOT_YET_VALID, EXPIRED = 2, 3, 8, 9, 10
CRL_NOT_YET_VALID, CRL_EXPIRED = 11, 12
UNKNOWN_ISSUER, REVOKED, PATH_TOO_LONG, WRONG_PURPOSE = 20, 23, 25, 26
NO_RIGHT_TO_SIGN_CRLS, WRONG_CRL_SCOPE = 35, 44
NOT_PERMITTED, EXCLUDED, UNKNOWN_CONSTRAINT = 47, 48, 53

Situation = tuple[str, Callable[[], Visit], int]
"""What is so, and the error that both OpenSSLs give."""

# Before 3.0.22 it takes a delta for a whole list, and admits whom only the list would refuse.
OLD_OPENSSL = ssl.OPENSSL_VERSION_NUMBER < 0x30000160


def ours() -> World:
    return world_of(KeyType.P256, Shape.PLAIN)


def client_of(world: World, name: str = "nightly batch") -> Party:
    (asked,) = [one for one in leaves(world.kind) if one.name == f"client {name}"]
    return Party(certificate=issue(world, asked), key=key_of(world.kind, "client"))


def server_of(world: World) -> Party:
    return Party(certificate=issue(world, leaves(world.kind)[0]), key=key_of(world.kind, "server"))


def visit(  # what our hosts have, but for what a situation changes
    client: Party | None = None,
    *,
    root_lists: tuple[CRL, ...] | None = None,
    lists: tuple[CRL, ...] | None = None,
    anonymous: bool = False,
    **door: Any,
) -> Visit:
    root, clients = party(ours().root), party(ours().clients)
    root_lists = (crl(root),) if root_lists is None else root_lists
    lists = (crl(clients),) if lists is None else lists
    told = {"trust": (root, clients), "crls": (*root_lists, *lists), **door}
    shown = None if anonymous else client or client_of(ours())
    return Visit(door=Door(**told), leaf=shown, chain=(clients,))


def below(
    top: Party, middle: Party, client: Party, *crls: CRL, sent: tuple[Party, ...] | None = None
) -> Visit:
    """Visit a door that trusts an authority below a root, all made by hand."""
    lists = crls or (crl(top), crl(middle))
    return Visit(
        door=Door(trust=(top, middle), crls=lists),
        leaf=client,
        chain=(middle,) if sent is None else sent,
    )


def stale_and_fresh(*order: str) -> Visit:
    clients, mallory = party(ours().clients), client_of(ours())
    # Of the same second, as two revocations can be.
    made = {"old": crl(clients), "new": crl(clients, mallory)}
    return visit(mallory, lists=tuple(made[one] for one in order))


def after_a_second(*order: str) -> Visit:
    clients, mallory = party(ours().clients), client_of(ours())
    made = {
        "old": crl(clients),
        "new": crl(clients, mallory, start=-HOUR + timedelta(seconds=1)),
    }
    return visit(mallory, lists=tuple(made[one] for one in order))


def revoked_on_the_lower_rung_alone() -> Visit:
    """Weeks after a revocation that left the rungs above as they were."""
    clients, mallory = party(ours().clients), client_of(ours())
    return visit(mallory, lists=(crl(clients, mallory, start=-2 * DAY), crl(clients, start=-DAY)))


def revoked_by_our_ladder() -> Visit:
    mallory = client_of(ours())
    entry = Revocation(
        serial=mallory.certificate.serial_number,
        revoked_at=NOW,
        expires=mallory.certificate.not_valid_after_utc,
    )
    rungs = ladder(ours().clients, (entry,), first_number=9, now=NOW)
    root = ladder(ours().root, (), first_number=9, now=NOW)
    return visit(mallory, root_lists=root, lists=rungs)


def expired_root_list(**door: Any) -> Visit:
    return visit(root_lists=(crl(party(ours().root), start=-9 * DAY, end=-DAY),), **door)


def expired_list(**door: Any) -> Visit:
    return visit(lists=(crl(party(ours().clients), start=-9 * DAY, end=-DAY),), **door)


def two_lists(one: tuple[timedelta, timedelta], other: tuple[timedelta, timedelta]) -> Visit:
    clients = party(ours().clients)
    return visit(lists=tuple(crl(clients, start=start, end=end) for start, end in (one, other)))


def with_reason(reason: x509.ReasonFlags) -> Visit:
    client = client_of(ours())
    return visit(client, lists=(crl(party(ours().clients), client, reason=reason),))


def revoked_issuer(**door: Any) -> Visit:
    root, clients = party(ours().root), party(ours().clients)
    return visit(root_lists=(crl(root, clients),), **door)


def namesakes(*, identifiers: bool, old_list: bool = True, holder: str = "old") -> Visit:
    """Two keys under one name, and lists that say whose key signed them, or do not."""
    root = authority("Root with namesakes")
    keys = {which: key_of(KeyType.P256, f"namesake {which}") for which in ("old", "new")}
    made = {which: authority("Namesake CA", root, key=key) for which, key in keys.items()}
    client = leaf("alice", made[holder])
    listed = tuple(made.values()) if old_list else (made["new"],)
    # The new key's list is the later one, which OpenSSL looks at first.
    starts = {"old": -HOUR, "new": -HOUR / 2}
    lists = (
        crl(made[which], identifier=identifiers, start=start)
        for which, start in starts.items()
        if made[which] in listed
    )
    return Visit(
        door=Door(trust=(root, *made.values()), crls=(crl(root), *lists)),
        leaf=client,
        chain=(made[holder],),
    )


def revoked_by_a_namesake() -> Visit:
    asked = namesakes(identifiers=True)
    root, old, new = asked.door.trust
    assert asked.leaf is not None
    lists = (crl(root), crl(old, asked.leaf), crl(new))
    return Visit(door=Door(trust=(root, old, new), crls=lists), leaf=asked.leaf, chain=(old,))


def scoped(*, uri: bool = False, point: bool = False, users: bool = False) -> Visit:
    """A list with an issuing distribution point."""
    root = authority("Root")
    where = [x509.UniformResourceIdentifier("http://crl.example.com/clients.crl")]
    points = [x509.DistributionPoint(where, None, None, None)] if point else []
    scope = x509.IssuingDistributionPoint(
        full_name=where if uri else None,
        relative_name=None,
        only_contains_user_certs=users,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    client = leaf("alice", root, points=points)
    lists = (crl(root, extensions=[(scope, True)]),)
    return Visit(door=Door(trust=(root,), crls=lists, revocation="leaf"), leaf=client)


def delta(*, base: bool) -> Visit:
    """A later delta that repeats nothing of the list that it adds to."""
    root = authority("Root")
    mallory = leaf("mallory", root)
    change = crl(root, start=-HOUR / 2, extensions=[(x509.DeltaCRLIndicator(7), True)])
    lists = (crl(root, mallory), change) if base else (change,)
    return Visit(door=Door(trust=(root,), crls=lists), leaf=mallory)


def delta_after_its_list() -> Visit:
    return delta(base=True)


def delta_alone() -> Visit:
    return delta(base=False)


def stray() -> Visit:
    """A stranger whose authority lies in the file of the lists."""
    theirs = authority("Their root")
    return Visit(
        door=Door(
            trust=(party(ours().root),), crls=(crl(theirs),), strays=(theirs,), revocation="leaf"
        ),
        leaf=leaf("stranger", theirs),
    )


def without_crl_sign() -> Visit:
    root = authority("Root", crl_sign=False)
    return Visit(door=Door(trust=(root,), crls=(crl(root),)), leaf=leaf("alice", root))


def reissued(*, issuer_and_serial: bool) -> Visit:
    """The issuer's certificate is renewed with the same key."""
    root = authority("Root")
    old, new = authority("Issuing CA", root), authority("Issuing CA", root)
    client = leaf("alice", old, issuer_and_serial=issuer_and_serial)
    return below(root, new, client)


def cross_signed(*, path_length: int | None) -> Visit:
    """An old root has certified the new one's key, which hosts do not know yet."""
    old = authority("Old root", path_length=path_length)
    cross = authority("New root", old)
    middle = authority("New issuing CA", cross, path_length=0)
    lists = (crl(old), crl(cross), crl(middle))
    return Visit(
        door=Door(trust=(old,), crls=lists), leaf=leaf("alice", middle), chain=(middle, cross)
    )


def under_a_new_root() -> Visit:
    new = authority("New root")
    middle = authority("New issuing CA", new)
    return Visit(
        door=Door(trust=(authority("Old root"),), crls=(crl(authority("Old root")),)),
        leaf=leaf("alice", middle),
        chain=(middle,),
    )


def purposes(*wanted: x509.ObjectIdentifier) -> Visit:
    return visit(leaf("alice", party(ours().clients), purposes=wanted))


def key_encipherment_alone() -> Visit:
    usage = x509.KeyUsage(
        key_encipherment=True,
        digital_signature=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return visit(leaf("alice", party(ours().clients), kind=KeyType.RSA2048, usage=usage))


def sibling(*, bound: bool, listed: bool = True) -> Visit:
    """A client of another authority below the same root; the bundle names only the clients'."""
    root, clients = party(ours().root), party(ours().clients)
    other = party(ours().servers) if bound else authority("Wireless CA", root)
    lists = (crl(root), crl(clients), *((crl(other),) if listed else ()))
    return Visit(
        door=Door(trust=(root, clients), crls=lists), leaf=leaf("mallory", other), chain=(other,)
    )


def server_as_client() -> Visit:
    root, servers = party(ours().root), party(ours().servers)
    return below(root, servers, server_of(ours()))


def constrained(
    subject: str, *names: x509.GeneralName, constraints: x509.NameConstraints | None = None
) -> Visit:
    """A client below a root that may speak for example.org alone."""
    limits = read_constraints("example.org") if constraints is None else constraints
    root = authority("Constrained root", constraints=limits)
    return Visit(door=Door(trust=(root,), crls=(crl(root),)), leaf=leaf(subject, root, names=names))


def dns_alone() -> x509.NameConstraints:
    return x509.NameConstraints([x509.DNSName("example.org")], None)


def uris() -> x509.NameConstraints:
    return x509.NameConstraints([x509.UniformResourceIdentifier("example.org")], None)


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def ip_address(text: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(text))


def dated(start: timedelta, end: timedelta) -> Visit:
    validity = (NOW + start, NOW + end)
    return visit(leaf("alice", party(ours().clients), validity=validity))


def outlived(*, dead: bool) -> Visit:
    """A leaf that ends after its issuer."""
    root = authority("Root")
    end = NOW - HOUR if dead else NOW + HOUR
    middle = authority("Issuing CA", root, validity=(FOUNDED, end))
    return below(root, middle, leaf("alice", middle))


def renewed_root(*, sends: str) -> Visit:
    """Root and issuing authority renewed with the same keys; the lists are of before."""
    old_root, old = authority("Root"), authority("Issuing CA", authority("Root"))
    new_root, new = authority("Root"), authority("Issuing CA", authority("Root"))
    sent = {"old": old, "new": new}[sends]
    return Visit(
        door=Door(trust=(new_root, new), crls=(crl(old_root), crl(old))),
        leaf=leaf("alice", old),
        chain=(sent,),
    )


def beside_an_expired_root(*order: str) -> Visit:
    over = (FOUNDED, NOW - DAY)
    roots = {"expired": authority("Root", validity=over), "renewed": authority("Root")}
    shown = tuple(roots[one] for one in order)
    return Visit(
        door=Door(trust=shown, crls=(crl(shown[0]),)), leaf=leaf("alice", roots["renewed"])
    )


def half_rolled_over(*, holder: str) -> Visit:
    """The bundle has the new authority already, and its list is forgotten."""
    root, old = party(ours().root), party(ours().clients)
    new = authority("Next clients' CA", root)
    holders = {"old": (client_of(ours()), old), "new": (leaf("alice", new), new)}
    client, issuer = holders[holder]
    lists = (crl(root), crl(old))
    return Visit(door=Door(trust=(root, old, new), crls=lists), leaf=client, chain=(issuer,))


def expired_client(**door: Any) -> Visit:
    asked = dated(-9 * DAY, -DAY)
    return visit(asked.leaf, **door)


def stranger(**door: Any) -> Visit:
    return visit(leaf("stranger", authority("Their root")), **door)


CURRENT, OVER, TO_COME = (-HOUR, 7 * DAY), (-9 * DAY, -DAY), (DAY, 9 * DAY)
ANY_PURPOSE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
ON_REMOVAL = x509.ReasonFlags.remove_from_crl

SITUATIONS: tuple[Situation, ...] = (
    # Who comes, and what is asked of them.
    ("everything is in order", visit, ADMITTED),
    ("nobody in particular comes", lambda: visit(anonymous=True), NO_CERTIFICATE),
    ("nobody in particular comes to an optional door",
     lambda: visit(anonymous=True, verify="optional"), ADMITTED),
    ("a stranger comes to an optional door", lambda: stranger(verify="optional"), UNKNOWN_ISSUER),
    ("an expired client comes to an optional door",
     lambda: expired_client(verify="optional"), EXPIRED),
    ("a client of a day to come", lambda: dated(timedelta(minutes=5), DAY), NOT_YET_VALID),
    ("a machine with an Ed25519 key",
     lambda: visit(leaf("m", party(ours().clients), kind=KeyType.ED25519)), ADMITTED),
    # Lists that are missing or out of date.
    ("the root's list is missing", lambda: visit(root_lists=()), NO_CRL),
    ("the root's list is missing where only the leaf's counts",
     lambda: visit(root_lists=(), revocation="leaf"), ADMITTED),
    ("the clients' list is missing", lambda: visit(lists=()), NO_CRL),
    ("no lists where none count", lambda: visit(root_lists=(), lists=(), revocation="none"),
     ADMITTED),
    ("the clients' list has expired", expired_list, CRL_EXPIRED),
    ("the clients' list has expired at an optional door",
     lambda: expired_list(verify="optional"), CRL_EXPIRED),
    ("the root's list has expired", expired_root_list, CRL_EXPIRED),
    ("the root's list has expired at an optional door",
     lambda: expired_root_list(verify="optional"), CRL_EXPIRED),
    ("the root's list has expired where only the leaf's counts",
     lambda: expired_root_list(revocation="leaf"), ADMITTED),
    ("an expired list before a fresh one", lambda: two_lists(OVER, CURRENT), ADMITTED),
    ("an expired list after a fresh one", lambda: two_lists(CURRENT, OVER), ADMITTED),
    ("a list of a day to come", lambda: visit(
        lists=(crl(party(ours().clients), start=DAY, end=9 * DAY),)), CRL_NOT_YET_VALID),
    ("a list of a day to come before a current one",
     lambda: two_lists(TO_COME, CURRENT), ADMITTED),
    ("a list of a day to come after a current one",
     lambda: two_lists(CURRENT, TO_COME), ADMITTED),
    # Revocation, and how it is lost.
    ("revoked by our ladder", revoked_by_our_ladder, REVOKED),
    ("revoked, with the old list of the same second first",
     lambda: stale_and_fresh("old", "new"), ADMITTED),
    ("revoked, with the old list of the same second last",
     lambda: stale_and_fresh("new", "old"), REVOKED),
    ("revoked a second later, with the old list first",
     lambda: after_a_second("old", "new"), REVOKED),
    ("revoked a second later, with the old list last",
     lambda: after_a_second("new", "old"), REVOKED),
    ("revoked on a rung below one that does not know it",
     revoked_on_the_lower_rung_alone, ADMITTED),
    ("on hold", lambda: with_reason(x509.ReasonFlags.certificate_hold), REVOKED),
    ("removed from a list that is no delta", lambda: with_reason(ON_REMOVAL), ADMITTED),
    ("the issuer is revoked", revoked_issuer, REVOKED),
    ("the issuer is revoked where only the leaf's list counts",
     lambda: revoked_issuer(revocation="leaf"), ADMITTED),
    ("a delta after the list that it adds to", delta_after_its_list, REVOKED),
    ("a delta alone", delta_alone, NO_CRL),
    ("a list for a place that the leaf does not name",
     lambda: scoped(uri=True), WRONG_CRL_SCOPE),
    ("a list for the place that the leaf names",
     lambda: scoped(uri=True, point=True), ADMITTED),
    ("a list of users alone", lambda: scoped(users=True), ADMITTED),
    ("a stranger's authority among the lists", stray, ADMITTED),
    ("an authority that may not sign lists", without_crl_sign, NO_RIGHT_TO_SIGN_CRLS),
    # Two keys under one name.
    ("namesakes whose lists do not say who signed them, and the client of the earlier list",
     lambda: namesakes(identifiers=False), CRL_BAD_SIGNATURE),
    ("namesakes whose lists do not say who signed them, and the client of the later list",
     lambda: namesakes(identifiers=False, holder="new"), ADMITTED),
    ("namesakes whose lists say it, and an old client",
     lambda: namesakes(identifiers=True), ADMITTED),
    ("namesakes whose lists say it, and a new client",
     lambda: namesakes(identifiers=True, holder="new"), ADMITTED),
    ("revoked by one of two namesakes", revoked_by_a_namesake, REVOKED),
    ("namesakes with the new one's list alone",
     lambda: namesakes(identifiers=True, old_list=False), NO_CRL),
    # What certificates say.
    ("a purpose of any kind", lambda: purposes(ANY_PURPOSE), WRONG_PURPOSE),
    ("no purpose at all", purposes, ADMITTED),
    ("a key for encipherment alone", key_encipherment_alone, WRONG_PURPOSE),
    ("a server's certificate", server_as_client, WRONG_PURPOSE),
    ("a client of our servers' authority", lambda: sibling(bound=True), WRONG_PURPOSE),
    ("a client of an unbound sibling", lambda: sibling(bound=False), ADMITTED),
    ("a client of an unbound sibling without a list",
     lambda: sibling(bound=False, listed=False), NO_CRL),
    ("trust in an issuing authority without its root",
     lambda: visit(trust=(party(ours().clients),)), UNKNOWN_ROOT),
    ("a leaf that will outlive its issuer", lambda: outlived(dead=False), ADMITTED),
    ("a leaf that has outlived its issuer", lambda: outlived(dead=True), EXPIRED),
    # Name constraints on the root.
    ("a CN like a host of somebody else's", lambda: constrained("john.smith"), NOT_PERMITTED),
    ("the same with a mailbox",
     lambda: constrained("john.smith", x509.RFC822Name("john@example.org")), NOT_PERMITTED),
    ("the same with a host of our own",
     lambda: constrained("john.smith", x509.DNSName("john.example.org")), ADMITTED),
    ("a CN like an address", lambda: constrained("10.0.0.1"), NOT_PERMITTED),
    ("a CN of one word", lambda: constrained("alice"), ADMITTED),
    ("a CN of two words", lambda: constrained("John Smith"), ADMITTED),
    ("a CN like a mailbox", lambda: constrained("alice@x"), ADMITTED),
    ("a host outside", lambda: constrained("a", x509.DNSName("a.example.net")), NOT_PERMITTED),
    ("an address under constraints on hosts alone",
     lambda: constrained("a", ip_address("192.0.2.1"), constraints=dns_alone()), ADMITTED),
    ("an address under our constraints",
     lambda: constrained("a", ip_address("192.0.2.1")), EXCLUDED),
    ("a URI with a host inside",
     lambda: constrained("a", uri("spiffe://example.org/a"), constraints=uris()), ADMITTED),
    ("a URI without a host",
     lambda: constrained("a", uri("urn:uuid:1"), constraints=uris()), UNKNOWN_CONSTRAINT),
    # Rollover.
    ("the issuer renewed with its key", lambda: reissued(issuer_and_serial=False), ADMITTED),
    ("the issuer renewed, and a leaf that names its serial",
     lambda: reissued(issuer_and_serial=True), UNKNOWN_ISSUER),
    ("everything renewed, and the client sends the old issuer",
     lambda: renewed_root(sends="old"), ADMITTED),
    ("everything renewed, and the client sends the new issuer",
     lambda: renewed_root(sends="new"), ADMITTED),
    ("a cross-signed root", lambda: cross_signed(path_length=None), ADMITTED),
    ("a cross-signed root below a path length of 1",
     lambda: cross_signed(path_length=1), PATH_TOO_LONG),
    ("a new hierarchy that hosts do not know", under_a_new_root, UNKNOWN_ISSUER),
    ("an expired root before a renewed one",
     lambda: beside_an_expired_root("expired", "renewed"), ADMITTED),
    ("an expired root after a renewed one",
     lambda: beside_an_expired_root("renewed", "expired"), ADMITTED),
    ("an expired root alone", lambda: beside_an_expired_root("expired"), EXPIRED),
    ("a new authority without its list, and an old client",
     lambda: half_rolled_over(holder="old"), ADMITTED),
    ("a new authority without its list, and a new client",
     lambda: half_rolled_over(holder="new"), NO_CRL),
)  # fmt: skip


@pytest.mark.parametrize("tls", ["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize(
    "knock",
    [doors.debian_openssl, doors.newer_openssl],
    ids=["Debian's OpenSSL", "a newer OpenSSL"],
)
@pytest.mark.parametrize(
    ("made", "expected"),
    [pytest.param(made, expected, id=name) for name, made, expected in SITUATIONS],
)
def test_a_client_is_admitted_or_refused_with_this_error(
    made: Callable[[], Visit],
    expected: int,
    knock: Knock,
    tls: Tls,
    tmp_path: Path,
) -> None:
    if knock is doors.debian_openssl and made in {delta_after_its_list, delta_alone}:
        expected = ADMITTED if OLD_OPENSSL else expected

    assert knock(made(), server_of(ours()), tmp_path, tls) == expected


@pytest.mark.parametrize(("depth", "expected"), [(1, TOO_DEEP), (2, ADMITTED)])
def test_the_depth_counts_the_root(depth: int, expected: int, tmp_path: Path) -> None:
    asked = visit(depth=depth)

    assert doors.newer_openssl(asked, server_of(ours()), tmp_path, "TLS 1.3") == expected


@pytest.mark.parametrize("tls", ["TLS 1.2", "TLS 1.3"])
def test_a_resumed_session_of_a_revoked_client_is_admitted(tls: Tls, tmp_path: Path) -> None:
    asked = visit()
    server = doors.server_context(asked.door, server_of(ours()), tmp_path, tls)
    client = doors.client_context(asked, tmp_path)
    admitted, connection = doors.converse(server, client)
    assert asked.leaf is not None
    clients = party(ours().clients)
    newer = crl(clients, asked.leaf, start=-HOUR / 2)
    Door(trust=(), crls=(newer,)).files(tmp_path)
    server.load_verify_locations(cafile=tmp_path / "lists.pem")

    resumed, again = doors.converse(server, client, connection.session)
    full, _ = doors.converse(server, client)

    assert (admitted, resumed, full) == (ADMITTED, ADMITTED, REVOKED)
    assert again.session_reused


class HashedLists:
    """A directory for `SSLCARevocationPath`, and a door that looks into it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "crl"
        self.directory.mkdir()
        self.mallory = client_of(ours())
        asked = visit(self.mallory, root_lists=(), lists=(), revocation="leaf")
        self.client = doors.client_context(asked, directory)
        self.server = doors.server_context(asked.door, server_of(ours()), directory, "TLS 1.3")
        self.server.load_verify_locations(capath=self.directory)

    def put(self, number: int, *revoked: Party, start: timedelta) -> None:
        issuer = party(ours().clients)
        name = crypto.X509.from_cryptography(issuer.certificate).subject_name_hash()
        pem = crl(issuer, *revoked, start=start).public_bytes(Encoding.PEM)
        (self.directory / f"{name:08x}.r{number}").write_bytes(pem)

    def knock(self) -> int:
        return doors.converse(self.server, self.client)[0]


def test_a_list_that_is_overwritten_in_its_directory_is_not_seen(tmp_path: Path) -> None:
    lists = HashedLists(tmp_path)
    lists.put(0, start=-HOUR)
    assert lists.knock() == ADMITTED

    lists.put(0, lists.mallory, start=-HOUR / 2)

    assert lists.knock() == ADMITTED


def test_a_list_with_the_next_number_is_seen_at_once(tmp_path: Path) -> None:
    lists = HashedLists(tmp_path)
    lists.put(0, start=-HOUR)
    assert lists.knock() == ADMITTED

    lists.put(1, lists.mallory, start=-HOUR / 2)

    assert lists.knock() == REVOKED


def test_a_directory_whose_lists_do_not_begin_with_the_first_number_has_none(
    tmp_path: Path,
) -> None:
    lists = HashedLists(tmp_path)

    lists.put(1, start=-HOUR)

    assert lists.knock() == NO_CRL
