"""Every shape that an authority of ours can take, every kind of key, and every kind of leaf."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from cryptography import x509

from deployer.pki.authority import Authority, Signer
from deployer.pki.constraints import read_constraints
from deployer.pki.crl import CRL, ladder
from deployer.pki.issue import LeafRequest, issue_authority, issue_leaf, issue_root
from deployer.pki.keys import KeyType
from deployer.pki.names import identity_alternative_names, subject_alternative_names
from deployer.pki.profiles import (
    CLIENT,
    CLIENTS,
    DIRECT,
    SERVER,
    SERVERS,
    AuthorityProfile,
    LeafProfile,
)
from deployer.store.randomness import random_serial_number
from tests.conformance import forge
from tests.conformance.today import FOUNDED, NOW
from tests.pki.examples import key_of, throwaway


class Shape(StrEnum):
    """How an authority stands to others."""

    PLAIN = "plain"
    SECOND = "second generation"
    """Keys and names of its own below the same root."""
    CONSTRAINED = "constrained"
    """Below a root that may speak for a few names alone."""
    DIRECT = "direct"
    """Imported with path length 0, as mkcert and minica make them: it issues leaves itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Authorities of one kind of key and one shape."""

    kind: KeyType
    shape: Shape
    root: Signer
    servers: Signer
    clients: Signer
    crls: tuple[CRL, ...] = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.kind} {self.shape}"

    def signer(self, profile: LeafProfile) -> Signer:
        return self.servers if profile is SERVER else self.clients


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What a leaf is asked to say."""

    name: str
    profile: LeafProfile
    kind: KeyType
    common_name: str
    hosts: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    upns: tuple[str, ...] = ()


LONG = f"{'a' * 60}.{'b' * 60}.example.com"
# Under constraints, OpenSSL takes a CN that looks like an address for a host, and refuses it.
NOT_A_CN = (LONG, "10.0.0.1")
SERVERS_ASKED: dict[str, tuple[str, ...]] = {
    "name": ("api.example.com", "www.example.com"),
    "wildcard": ("*.example.com", "example.com"),
    "IPv4 address": ("10.0.0.1",),
    "IPv6 address": ("fd00::1", "api.example.com"),
    "international name": ("bücher.example.com",),
    "name longer than a CN": (LONG,),
}
CLIENTS_ASKED: dict[str, dict[str, tuple[str, ...]]] = {
    "nightly batch": {},
    "Jürgen Müller": {"emails": ("juergen@example.com",)},
    "alice@example.com": {},
    "laptop7.example.com": {"hosts": ("laptop7.example.com", "10.0.0.7")},
    "spiffe": {"uris": ("spiffe://example.com/nightly/batch",)},
    "urn": {"uris": ("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",)},
    "bob": {"upns": ("bob@CORP.LOCAL",)},
}


def leaves(kind: KeyType) -> tuple[Leaf, ...]:
    """List every kind of leaf, with one kind of key."""
    servers = (
        Leaf(
            name=f"server by {name}",
            profile=SERVER,
            kind=kind,
            common_name="" if hosts[0] in NOT_A_CN else hosts[0],
            hosts=hosts,
        )
        for name, hosts in SERVERS_ASKED.items()
    )
    clients = (
        Leaf(name=f"client {name}", profile=CLIENT, kind=kind, common_name=name, **asked)
        for name, asked in CLIENTS_ASKED.items()
    )
    return (*servers, *clients)


CONSTRAINTS = read_constraints("example.com,10.0.0.0/8,fd00::/8")


@cache
def world_of(kind: KeyType, shape: Shape, *, owner: str = "Example") -> World:
    """Found an authority of each kind."""
    if shape is Shape.DIRECT:
        only = _direct(kind, owner)
        return _world(kind, shape, only, only, only)
    root_key = key_of(kind, f"{owner} root")
    authority = issue_root(
        organization="Example",
        generation=1,
        key=root_key,
        now=FOUNDED,
        serial=random_serial_number(),
        constraints=CONSTRAINTS if shape is Shape.CONSTRAINED else None,
        throwaway=throwaway(),
    )
    root = Signer(authority=authority, key=root_key)
    servers = _below(root, SERVERS, kind, shape, owner)
    return _world(kind, shape, root, servers, _below(root, CLIENTS, kind, shape, owner))


def _world(kind: KeyType, shape: Shape, root: Signer, servers: Signer, clients: Signer) -> World:
    signers = {signer.authority.name: signer for signer in (root, servers, clients)}.values()
    crls = (crl for signer in signers for crl in ladder(signer, (), first_number=1, now=NOW))
    return World(
        kind=kind, shape=shape, root=root, servers=servers, clients=clients, crls=tuple(crls)
    )


def _below(
    root: Signer, profile: AuthorityProfile, kind: KeyType, shape: Shape, owner: str
) -> Signer:
    generation = 2 if shape is Shape.SECOND else 1
    key = key_of(kind, f"{owner} {profile.name} G{generation}")
    authority = issue_authority(
        profile,
        generation=generation,
        public_key=key.public_key(),
        signer=root,
        now=FOUNDED,
        serial=random_serial_number(),
        throwaway=throwaway(),
    )
    return Signer(authority=authority, key=key)


def _direct(kind: KeyType, owner: str) -> Signer:
    made = forge.authority("Example CA", key=key_of(kind, f"{owner} root"), path_length=0)
    authority = Authority(name=DIRECT, generation=1, certificate=made.certificate, chain=())
    return Signer(authority=authority, key=made.key)


def issue(
    world: World, leaf: Leaf, *, now: datetime = NOW, lifetime: timedelta | None = None
) -> x509.Certificate:
    """Sign a leaf as the product does."""
    names = (
        subject_alternative_names(hosts=leaf.hosts, wildcard=True)
        if leaf.profile is SERVER
        else identity_alternative_names(
            leaf.common_name,
            hosts=leaf.hosts,
            emails=leaf.emails,
            uris=leaf.uris,
            upns=leaf.upns,
        )
    )
    request = LeafRequest(
        profile=leaf.profile,
        common_name=leaf.common_name,
        alternative_names=names,
        public_key=key_of(leaf.kind, leaf.profile.kind).public_key(),
        lifetime=lifetime,
    )
    return issue_leaf(
        request,
        world.signer(leaf.profile),
        now=now,
        serial=random_serial_number(),
        throwaway=throwaway(),
    )
