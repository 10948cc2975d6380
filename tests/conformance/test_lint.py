"""What pkilint says about everything we sign: nothing but what is listed here with its reason."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest
from cryptography import x509

from deployer.pki.crl import CRL, Revocation, ladder
from deployer.pki.keys import KeyType
from deployer.pki.profiles import SERVER
from tests.conformance import forge
from tests.conformance.linter import Finding, certificate_findings, chain_findings, crl_findings
from tests.conformance.today import NOW
from tests.conformance.worlds import Leaf, Shape, World, issue, leaves, world_of

ALWAYS = {
    Finding("info", "pkix.subject_key_identifier_method_1_identified"): (
        "it says which method of RFC 5280 section 4.2.1.2 made the identifier"
    ),
}
SOMETIMES = {
    ("server by wildcard", Finding("error", "pkix.invalid_domain_name_syntax")): (
        "RFC 5280 section 4.2.1.6 leaves wildcards to others; RFC 9525 defines them"
    ),
    ("client spiffe", Finding("error", "pkix.invalid_uri_syntax")): (
        "pkilint knows the schemes of the web alone; RFC 3986 section 3.1 lets anyone have one"
    ),
    ("client urn", Finding("error", "pkix.invalid_uri_syntax")): "as above",
}
QUICK = (
    *((KeyType.P256, shape) for shape in Shape),
    *((kind, Shape.PLAIN) for kind in (KeyType.P384, KeyType.RSA2048, KeyType.ED25519)),
)
SLOW = tuple((kind, shape) for kind in KeyType for shape in Shape if (kind, shape) not in QUICK)
WORLDS = [
    *(pytest.param(kind, shape, id=f"{kind} {shape}") for kind, shape in QUICK),
    *(
        pytest.param(kind, shape, id=f"{kind} {shape}", marks=pytest.mark.slow)
        for kind, shape in SLOW
    ),
]


def unknown(leaf: str, findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one not in ALWAYS and (leaf, one) not in SOMETIMES]


def of_authorities(world: World) -> Iterator[Finding]:
    for signer in (world.root, world.servers, world.clients):
        yield from certificate_findings(signer.authority.certificate)
        if signer.authority.chain:
            yield from chain_findings(signer.authority.chain[0], signer.authority.certificate)


def of_leaf(world: World, leaf: Leaf) -> Iterator[Finding]:
    certificate = issue(world, leaf)
    issuer = world.signer(leaf.profile).authority.certificate
    yield from certificate_findings(certificate)
    yield from chain_findings(issuer, certificate)


def lists_of(world: World) -> Iterator[CRL]:
    """Yield empty ladders, and one with an entry for each reason that can be given."""
    yield from world.crls
    reasons = [one for one in x509.ReasonFlags if one is not x509.ReasonFlags.remove_from_crl]
    revoked = [
        Revocation(serial=place, revoked_at=NOW, expires=NOW + timedelta(days=90), reason=reason)
        for place, reason in enumerate(reasons, start=1)
    ]
    yield from ladder(world.clients, revoked, first_number=2, now=NOW)


@pytest.mark.parametrize(("kind", "shape"), WORLDS)
def test_pkilint_has_nothing_against_what_we_sign(kind: KeyType, shape: Shape) -> None:
    world = world_of(kind, shape)

    # A direct authority is somebody else's work: only what it issues is ours.
    assert shape is Shape.DIRECT or not unknown("", of_authorities(world))
    for leaf in leaves(kind):
        assert not unknown(leaf.name, of_leaf(world, leaf)), leaf.name


@pytest.mark.parametrize(("kind", "shape"), WORLDS)
def test_pkilint_has_nothing_against_our_lists(kind: KeyType, shape: Shape) -> None:
    for crl in lists_of(world_of(kind, shape)):
        assert not unknown("", crl_findings(crl)), crl.last_update_utc


@pytest.mark.parametrize(("leaf", "finding"), SOMETIMES)
def test_an_exception_is_still_needed(leaf: str, finding: Finding) -> None:
    world = world_of(KeyType.P256, Shape.PLAIN)
    (asked,) = [one for one in leaves(KeyType.P256) if one.name == leaf]

    assert finding in set(of_leaf(world, asked))


def test_pkilint_objects_to_a_key_that_may_do_too_much() -> None:
    world = world_of(KeyType.P256, Shape.PLAIN)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    wrong = forge.leaf("alice", forge.party(world.clients), usage=usage)

    assert any(one.severity == "error" for one in certificate_findings(wrong.certificate))


def test_pkilint_objects_to_a_list_that_does_not_say_whose_key_signed_it() -> None:
    issuer = forge.party(world_of(KeyType.P256, Shape.PLAIN).clients)

    assert any(one.severity == "error" for one in crl_findings(forge.crl(issuer, identifier=False)))


def test_pkilint_objects_to_a_leaf_beside_an_issuer_that_is_not_its_own() -> None:
    world = world_of(KeyType.P256, Shape.PLAIN)
    leaf = next(one for one in leaves(KeyType.P256) if one.profile is SERVER)

    findings = chain_findings(world.clients.authority.certificate, issue(world, leaf))

    assert any(one.severity == "error" for one in findings)
