"""
Profiles: what certificates of one kind may do, and for how long.

One purpose each. A server whose key leaks must not be able to pose as a client, and an authority
for servers must not be able to make one (extended key usages of an issuer bind what it issues).
"""

from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlSchedule:
    """
    How the revocation lists of an authority follow each other.

    A ladder of lists is signed in advance, each starting before the one below it ends, so that
    a controller that is away for weeks locks nobody out.
    """

    length: timedelta
    overlap: timedelta = timedelta(0)
    rungs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityProfile:
    """One of the authorities of a deployment."""

    name: str
    """What people type and the store keeps: `root`, `servers`, `clients`."""
    title: str
    """How the subject calls it, after the organization."""
    purpose: x509.ObjectIdentifier | None
    path_length: int | None
    lifetime: timedelta
    crls: CrlSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafProfile:
    """One kind of leaf, and the authority that issues it."""

    kind: str
    authority: str
    purpose: x509.ObjectIdentifier
    lifetime: timedelta
    longest: timedelta | None = None


_LADDER = CrlSchedule(length=timedelta(days=7), overlap=timedelta(days=1), rungs=6)

# No path length: with one, a root could never be cross-signed by its predecessor, which is what
# a rollover without an outage needs years later.
ROOT = AuthorityProfile(
    name="root",
    title="Root CA",
    purpose=None,
    path_length=None,
    lifetime=10 * _YEAR,
    crls=CrlSchedule(length=_YEAR),  # the root's key may be away in a safe
)
SERVERS = AuthorityProfile(
    name="servers",
    title="Server CA",
    purpose=ExtendedKeyUsageOID.SERVER_AUTH,
    path_length=0,
    lifetime=5 * _YEAR,
    crls=_LADDER,
)
CLIENTS = AuthorityProfile(
    name="clients",
    title="Client CA",
    purpose=ExtendedKeyUsageOID.CLIENT_AUTH,
    path_length=0,
    lifetime=5 * _YEAR,
    crls=_LADDER,
)
AUTHORITIES = {profile.name: profile for profile in (ROOT, SERVERS, CLIENTS)}

DIRECT = "ca"
"""The name of an imported authority that may have none below it, and issues leaves of any kind."""


def crl_schedule(authority: str) -> CrlSchedule:
    """Say how the lists of an authority follow each other, by its name."""
    return AUTHORITIES[authority].crls if authority in AUTHORITIES else _LADDER


SERVER = LeafProfile(
    kind="server",
    authority=SERVERS.name,
    purpose=ExtendedKeyUsageOID.SERVER_AUTH,
    lifetime=timedelta(days=90),
    longest=timedelta(days=397),  # the longest that every client has ever accepted
)
CLIENT = LeafProfile(
    kind="client",
    authority=CLIENTS.name,
    purpose=ExtendedKeyUsageOID.CLIENT_AUTH,
    lifetime=_YEAR,
)
