"""
PEM files that hold exactly what they should, read and written.

mod_ssl loads every object it finds in a file into one store: a certificate in a file of CRLs
becomes a trust anchor, and a key in a trust bundle is a key on display. So a reader here says
what it wants, and anything else is an error.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from deployer.errors import DeployerError

CERTIFICATE = "CERTIFICATE"
CRL = "X509 CRL"

_BOUNDARY = re.compile(rb"-----(BEGIN|END) ([^-]*)-----\s*")
# What the parser raises on bytes that are no certificate: not one family of exceptions.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class MalformedPem(DeployerError):
    """Text that is not the PEM file it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One object of a PEM file, still encoded."""

    label: str
    body: bytes = field(repr=False)

    @property
    def is_private_key(self) -> bool:
        """Say whether this must never be seen by anybody but its owner."""
        return self.label.endswith("PRIVATE KEY")


def blocks(text: bytes) -> tuple[Block, ...]:
    """Split a file into its objects; text around them is a comment (RFC 7468 section 2)."""
    found: list[Block] = []
    label: str | None = None
    body: list[bytes] = []
    for line in text.splitlines():
        boundary = _BOUNDARY.fullmatch(line)
        if boundary is None:
            body.append(line)
            continue
        edge, name = boundary[1], boundary[2].decode("ascii", "replace")
        if (edge == b"BEGIN") is (label is not None) or (edge == b"END" and name != label):
            raise MalformedPem(f"{edge.decode()} {name} stands where it should not")
        if label is not None:
            found.append(Block(label=label, body=b"".join(body)))
        label, body = (name, []) if edge == b"BEGIN" else (None, [])
    if label is not None:
        raise MalformedPem(f"the file is cut off inside a {label}")
    return tuple(found)


def read_certificates(text: bytes) -> tuple[x509.Certificate, ...]:
    """Read a file of certificates and nothing else."""
    certificates = []
    for body in _bodies(text, CERTIFICATE, "certificate"):
        try:
            certificate = x509.load_der_x509_certificate(body)
            certificate.public_key()
            # The parser is lazy: touch every part now, so that nobody else meets the error.
            _ = (certificate.extensions, certificate.subject, certificate.issuer)
        except _UNREADABLE as error:
            raise MalformedPem("a certificate cannot be read") from error
        certificates.append(certificate)
    return tuple(certificates)


def read_crls(text: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """Read a file of CRLs and nothing else."""
    crls = []
    for body in _bodies(text, CRL, "CRL"):
        try:
            crl = x509.load_der_x509_crl(body)
            _ = (crl.extensions, crl.issuer, crl.last_update_utc, crl.next_update_utc)
            _ = (crl.signature_hash_algorithm, len(crl))
        except _UNREADABLE as error:
            raise MalformedPem("a CRL cannot be read") from error
        crls.append(crl)
    return tuple(crls)


def write_certificates(certificates: Iterable[x509.Certificate]) -> bytes:
    """Write certificates one after the other."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def write_crls(crls: Iterable[x509.CertificateRevocationList]) -> bytes:
    """Write parsed CRLs one after the other, so that the file can hold nothing else."""
    return b"".join(crl.public_bytes(Encoding.PEM) for crl in crls)


def _bodies(text: bytes, label: str, noun: str) -> tuple[bytes, ...]:
    found = blocks(text)
    if not found:
        raise MalformedPem(f"there is no {noun} in it", hint="a PEM file begins with -----BEGIN")
    for block in found:
        if block.label != label:
            hint = "take the key out, and treat it as stolen" if block.is_private_key else ""
            raise MalformedPem(f"it holds a {block.label} where only {noun}s belong", hint=hint)
    try:
        return tuple(base64.b64decode(block.body, validate=True) for block in found)
    except binascii.Error as error:
        raise MalformedPem(f"a {noun} is not valid Base64") from error
