"""
Key types: which there are, what each may do, and the form in which a key is written.

Keys are made elsewhere, by `deployer.store.randomness`; here they are arguments.
"""

import hashlib
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_SMALLEST_RSA = 2048  # OpenSSL's security level 2, Debian's default, refuses less


class KeyType(StrEnum):
    """The kinds of keys that can be asked for."""

    P256 = "p-256"
    P384 = "p-384"
    RSA2048 = "rsa-2048"
    RSA3072 = "rsa-3072"
    RSA4096 = "rsa-4096"
    ED25519 = "ed25519"
    """For machines alone: no browser accepts it."""


def private_key_pem(key: PrivateKey) -> bytes:
    """Write a key as unencrypted PKCS#8, which Apache reads without asking for a passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def key_digest(pem: bytes) -> str:
    """Name a private key file without saying what is in it."""
    return hashlib.sha256(pem).hexdigest()


def key_type(key: PublicKeyTypes) -> KeyType | None:
    """Say of which kind a public key is; None for one that cannot be asked for."""
    match key:
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            return KeyType.P256
        case ec.EllipticCurvePublicKey(curve=ec.SECP384R1()):
            return KeyType.P384
        case ed25519.Ed25519PublicKey():
            return KeyType.ED25519
        case rsa.RSAPublicKey(key_size=2048 | 3072 | 4096 as size):
            return KeyType(f"rsa-{size}")
        case _:
            return None


def is_same_key(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    """Compare two public keys by their DER."""
    return _spki(one) == _spki(other)


def weakness(key: PublicKeyTypes) -> str:
    """Say why a public key should not be used, or nothing."""
    match key:
        case rsa.RSAPublicKey() if key.key_size < _SMALLEST_RSA:
            return f"its RSA key has {key.key_size} bits, fewer than {_SMALLEST_RSA}"
        case rsa.RSAPublicKey() | ed25519.Ed25519PublicKey():
            return ""
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, _CURVES):
            return ""
        case ec.EllipticCurvePublicKey():
            return f"its key is on the curve {key.curve.name}, which TLS clients do not offer"
        case _:
            return "its key is of a type that TLS does not use"


def leaf_key_usage(key: PublicKey) -> x509.KeyUsage:
    """
    Decide what a leaf's key may do.

    Only RSA gets keyEncipherment, for the key exchange of TLS 1.2: on other keys it is an error
    (RFC 8813 section 3, RFC 8410 section 5).
    """
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=isinstance(key, rsa.RSAPublicKey),
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def signature_hash(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | None:
    """Choose the hash to sign with: as strong as the curve, and none for Ed25519."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256:  # noqa: PLR2004
        return hashes.SHA384()
    return hashes.SHA256()


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
