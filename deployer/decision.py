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
from deployer.pki.renewal import due_at

ASKED_FOR = "a new one was asked for"
"""Why a certificate that is good is replaced: `deployer rotate`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A certificate that a virtual host should have: its own, or the one for its backends."""

    slug: str
    names: tuple[x509.GeneralName, ...]
    key_type: KeyType
    issuer: x509.Certificate
    """The authority that would issue it today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The certificate on record for the key that is on the host, or else the newest on record."""

    certificate: x509.Certificate = field(repr=False)
    fullchain: bytes = field(repr=False)
    key_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldIdentity:
    """The certificate on record that is on the host as the identity towards backends."""

    certificate: x509.Certificate = field(repr=False)
    fullchain: bytes = field(repr=False)
    revoked: bool


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
    return _outdated(wanted, held.certificate, now)


def reason_to_identify(
    wanted: Wanted, held: HeldIdentity | None, found: Observation, now: datetime
) -> str | None:
    """
    Say why a virtual host needs a new identity for its backends, or None to keep it.

    Certificate and key are one file there, of which the books cannot know the digest: they are
    written before the certificate exists. The manifest of the live release knows it.
    """
    there = found.digest(certificate_path(wanted.slug))
    if there is None:
        return "it has none yet"
    if held is None or there != hashlib.sha256(held.fullchain).hexdigest():
        return "another certificate is on the host"
    if kept_identity(wanted.slug, found) is None:
        return "its key is not on the host"
    if held.revoked:
        return "it was revoked"
    return _outdated(wanted, held.certificate, now)


def kept_identity(slug: str, found: Observation) -> str | None:
    """Return the digest of an identity that lies on its host as it was sent there."""
    path = identity_path(slug)
    digest = found.digest(path)
    return digest if f"file 0600 {digest} {path}" in found.manifest.splitlines() else None


def certificate_path(slug: str) -> str:
    """Say where a release has the certificate that a virtual host shows to its backends."""
    return f"backend/{slug}/certificate.pem"


def identity_path(slug: str) -> str:
    """Say where a release has the same with its key."""
    return f"backend/{slug}/identity.pem"


def _outdated(wanted: Wanted, certificate: x509.Certificate, now: datetime) -> str | None:
    if _names(certificate) != set(wanted.names):
        return "its names changed"
    if key_type(certificate.public_key()) != wanted.key_type:
        return f"its key should be {wanted.key_type}"
    if certificate.issuer != wanted.issuer.subject:
        return "its authority was replaced"
    if now >= (due := due_at(certificate)):
        return f"it was due for renewal on {due:%Y-%m-%d}"
    return None


def _names(certificate: x509.Certificate) -> set[x509.GeneralName]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(extension.value)
