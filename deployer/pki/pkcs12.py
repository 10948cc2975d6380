"""
PKCS#12: a key and its certificates in the one file that browsers import.

Two flavours, because no single one opens everywhere, and every failure is shown to its owner as
a wrong password.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    KeySerializationEncryption,
    PrivateFormat,
    pkcs12,
)

from deployer.errors import DeployerError
from deployer.pki.keys import PrivateKey


class Flavour(StrEnum):
    """How a PKCS#12 file is encrypted."""

    MODERN = "modern"
    """AES-256 and PBKDF2: for everything of the last years."""
    COMPATIBLE = "compatible"
    """3DES and SHA-1: macOS 12, Android 12, Windows Server 2016 and older."""


class NoPassword(DeployerError):
    """A PKCS#12 file without a password, which Java cannot open."""


_ROUNDS = 50_000
_SCHEMES = {
    Flavour.MODERN: (pkcs12.PBES.PBESv2SHA256AndAES256CBC, hashes.SHA256()),
    Flavour.COMPATIBLE: (pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC, hashes.SHA1()),  # noqa: S303
}


def to_pkcs12(
    name: str,
    *,
    key: PrivateKey,
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    password: str,
    flavour: Flavour = Flavour.MODERN,
) -> bytes:
    """Pack a key, its certificate and its issuers (nearest first) under a name to show."""
    encryption = _encryption(password, flavour)
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, chain, encryption)


def to_truststore(roots: Mapping[str, x509.Certificate], *, password: str) -> bytes:
    """
    Pack roots, each under an alias, for Java to trust.

    Java takes a certificate of a PKCS#12 file for trusted only if an attribute says so, and
    shows no entry at all in one that has certificates alone.
    """
    entries = [
        pkcs12.PKCS12Certificate(certificate, alias.encode())
        for alias, certificate in roots.items()
    ]
    return pkcs12.serialize_java_truststore(entries, _encryption(password, Flavour.MODERN))


def _encryption(password: str, flavour: Flavour) -> KeySerializationEncryption:
    if not password:
        raise NoPassword("a PKCS#12 file needs a password", hint="Java opens none without")
    scheme, mac = _SCHEMES[flavour]
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_ROUNDS)
        .key_cert_algorithm(scheme)
        .hmac_hash(mac)
        .build(password.encode())
    )
