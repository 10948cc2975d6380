"""Advice on authorities that an operator brings."""

from datetime import timedelta

import pytest
from cryptography import x509

from deployer.advice.context import Brought, Context
from deployer.pki.authority import Signer
from deployer.pki.crl import CRL, issue_crl
from deployer.pki.material import Problem
from deployer.spec.supplied import ClientAuthority
from tests.advice.examples import context, of, site
from tests.pki.examples import NOW, pki
from tests.pki.forgery import forge

PARTNER = pki(organization="Partner")
FILE = ClientAuthority(file="partner.pem", crl="partner.crl")
CHAIN = (PARTNER.clients.authority.certificate, PARTNER.root.authority.certificate)
ISSUING, ROOT = CHAIN
SIGNERS = (PARTNER.clients, PARTNER.root)


def lists(*signers: Signer, days: float = 90) -> tuple[CRL, ...]:
    return tuple(
        issue_crl(
            signer,
            (),
            number=1,
            this_update=NOW - timedelta(days=1),
            next_update=NOW + timedelta(days=days),
        )
        for signer in signers
    )


def brought(
    *certificates: x509.Certificate,
    crls: tuple[CRL, ...] = lists(*SIGNERS),
    listed: frozenset[x509.Certificate] = frozenset(),
    **told: object,
) -> Context:
    one = site(client_auth={"authorities": [FILE.model_dump()], **told})
    found = Brought(certificates=certificates, lists=crls)
    return context(one, brought={FILE: found}, listed=listed)


def ending(days: int) -> x509.Certificate:
    return forge(ISSUING, PARTNER.root.key, end=NOW + timedelta(days=days))


def bounded(root: x509.Certificate) -> x509.Certificate:
    """The same root, which may have no authority below it."""
    return forge(root, PARTNER.root.key, add=[x509.BasicConstraints(ca=True, path_length=0)])


PUBLIC = pki(organization="DigiCert Inc")
MANY = tuple(pki(organization=f"Root {number}").root.authority.certificate for number in range(10))

FIRES = [
    ("MTLS-420", context(site(), problems=(Problem(subject="a.pem", message="is no key"),))),
    ("MTLS-421", brought(*CHAIN, crls=())),
    ("MTLS-421", brought(*CHAIN, crls=lists(PARTNER.clients))),
    ("MTLS-421", brought(*CHAIN, crls=lists(PARTNER.root), revocation="leaf")),
    ("MTLS-422", brought(*CHAIN, crls=lists(*SIGNERS, days=6))),
    ("MTLS-423", brought(ending(29), ROOT)),
    ("MTLS-424", brought(ROOT)),
    ("MTLS-425", brought(PUBLIC.clients.authority.certificate, PUBLIC.root.authority.certificate)),
    ("MTLS-425", brought(*MANY)),
]
MISSES = [
    ("MTLS-420", context(site())),
    ("MTLS-421", brought(*CHAIN)),
    ("MTLS-421", brought(*CHAIN, crls=lists(PARTNER.clients), revocation="leaf")),
    ("MTLS-421", brought(*CHAIN, crls=(), revocation="none")),
    ("MTLS-421", brought(*CHAIN, crls=(), listed=frozenset(CHAIN))),
    ("MTLS-421", brought(*CHAIN, crls=(), verify="none")),
    ("MTLS-422", brought(*CHAIN, crls=lists(*SIGNERS, days=8))),
    ("MTLS-422", brought(*CHAIN, crls=(*lists(*SIGNERS, days=6), *lists(*SIGNERS, days=9)))),
    ("MTLS-422", brought(*CHAIN, crls=lists(*SIGNERS, days=6), revocation="none")),
    ("MTLS-423", brought(ending(31), ROOT)),
    ("MTLS-424", brought(*CHAIN)),
    ("MTLS-424", brought(bounded(ROOT))),
    ("MTLS-425", brought(*CHAIN)),
    ("MTLS-425", brought(*MANY[:9])),
]


@pytest.mark.parametrize(("number", "about"), FIRES)
def test_an_authority_that_may_not_be_meant_is_pointed_out(number: str, about: Context) -> None:
    assert of(number, about)


@pytest.mark.parametrize(("number", "about"), MISSES)
def test_one_that_is_meant_is_not(number: str, about: Context) -> None:
    assert not of(number, about)


def test_a_finding_says_which_list_ends_and_when() -> None:
    found = of("MTLS-422", brought(*CHAIN, crls=lists(*SIGNERS, days=6)))

    assert [one.message for one in found] == [
        "partner.pem: the list of CN=Partner Client CA G1,O=Partner ends on 2026-03-07 12:00 UTC",
        "partner.pem: the list of CN=Partner Root CA G1,O=Partner ends on 2026-03-07 12:00 UTC",
    ]
