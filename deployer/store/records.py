"""What is known about a certificate: what was asked for, what was issued, what is on record."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography import x509

from deployer.pki import pem
from deployer.pki.authority import Authority
from deployer.pki.issue import LeafRequest

Kind = Literal["authority", "server", "client"]
Status = Literal["intended", "issued", "abandoned"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRecord:
    """One line of the books."""

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
