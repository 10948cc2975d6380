"""
Decide for each certificate: keep what the host has, or issue a new one, and why.

A key exists on its host alone. So a certificate is kept only when the host still holds exactly
the files that were made with it, and a rebuilt host simply gets a new certificate.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from deployer.observation import Observation
from deployer.pki.keys import KeyType, key_type
from deployer.pki.names import subject_alternative_names
from deployer.pki.renewal import due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The certificate that a virtual host should have."""

    slug: str
    names: tuple[str, ...]
    key_type: KeyType
    issuer: x509.Certificate
    """The authority that would issue it today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The certificate on record for the key that is on the host, or else the newest on record."""

    certificate: x509.Certificate = field(repr=False)
    fullchain: bytes = field(repr=False)
    key_digest: str


def reason_to_issue(
    wanted: Wanted, held: Held | None, found: Observation, now: datetime
) -> str | None:
    """Say why a new certificate is needed, or None to keep the one that is there."""
    if held is None:
        return "it has none yet"
    directory = f"tls/{wanted.slug}"
    fullchain = hashlib.sha256(held.fullchain).hexdigest()
    if found.digest(f"{directory}/key.pem") != held.key_digest:
        return "its key is not on the host"
    if found.digest(f"{directory}/fullchain.pem") != fullchain:
        return "another certificate is on the host"
    if _names(held.certificate) != set(
        subject_alternative_names(hosts=wanted.names, wildcard=True)
    ):
        return "its names changed"
    if key_type(held.certificate.public_key()) != wanted.key_type:
        return f"its key should be {wanted.key_type}"
    if held.certificate.issuer != wanted.issuer.subject:
        return "its authority was replaced"
    if now >= (due := due_at(held.certificate)):
        return f"it was due for renewal on {due:%Y-%m-%d}"
    return None


def _names(certificate: x509.Certificate) -> set[x509.GeneralName]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(extension.value)
