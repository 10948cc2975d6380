"""What is known about a certificate: what was asked for, what was issued, what is on record."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from cryptography import x509

from deployer.pki import pem
from deployer.pki.authority import Authority, AuthorityState
from deployer.pki.issue import LeafRequest

Kind = Literal["authority", "server", "client", "unknown"]
Status = Literal["intended", "issued", "abandoned", "foreign"]
Origin = Literal["made", "imported"]


class CertificateState(StrEnum):
    """What a certificate is good for, on a day."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ABANDONED = "abandoned"
    """It was to be signed, and came to nothing."""
    INTENDED = "intended"
    """It is being signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """A leaf that is wanted, and for what."""

    leaf: LeafRequest
    host: str
    """The inventory's name of the host it is for; empty for an identity of no host."""
    name: str
    """The virtual host or the identity."""
    key_sha256: str
    """The digest of the key's file: a name for the key, which itself is never stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCertificate:
    """A certificate that is on record, with what it takes to present it."""

    certificate: x509.Certificate = field(repr=False)
    authority: Authority
    host: str
    name: str
    key_sha256: str

    @property
    def fullchain_pem(self) -> bytes:
        """The leaf and its issuers below the root, as `SSLCertificateFile` wants them."""
        return pem.write_certificates(self.authority.fullchain(self.certificate))


class CertificateRecord(NamedTuple):
    """
    One line of the books.

    A tuple, for a hundred thousand of them are made while somebody waits.
    """

    serial: int
    authority: str
    generation: int
    kind: Kind
    subject: str
    host: str
    name: str
    status: Status
    key_sha256: str
    not_before: datetime
    not_after: datetime
    created_at: datetime
    revoked_at: datetime | None
    reason: str | None

    def state(self, now: datetime) -> CertificateState:
        """Say what it is good for."""
        if self.status in {"intended", "abandoned"}:
            return CertificateState(self.status)
        if self.revoked_at is not None:
            return CertificateState.REVOKED
        return CertificateState.EXPIRED if now > self.not_after else CertificateState.VALID


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityRecord:
    """One generation of an authority, and how things stand with it."""

    authority: Authority
    state: AuthorityState
    origin: Origin
    has_key: bool
    """Whether its key is here; an exported one is needed as a file to sign anything."""
    created_at: datetime
    revoked_at: datetime | None = None
    """Since when it is dead: its own certificate, or one above it, was revoked."""
