"""
Where chance enters: new keys, serial numbers and passwords.

The core takes them as arguments. Whoever makes a leaf's key keeps it in memory, sends it to its
host, and forgets it.
"""

import secrets
import string

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from deployer.pki.keys import KeyType, PrivateKey

_PASSWORD_ALPHABET = string.ascii_letters + string.digits
_PASSWORD_LENGTH = 24  # 142 bits: the 3DES flavour of PKCS#12 is only as good as its password


def generate_key(kind: KeyType) -> PrivateKey:
    """Make a private key."""
    match kind:
        case KeyType.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyType.P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyType.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case KeyType.RSA2048 | KeyType.RSA3072 | KeyType.RSA4096:
            bits = int(kind.value.removeprefix("rsa-"))
            return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def random_serial_number() -> int:
    """Choose a serial number: positive, of 159 random bits (RFC 5280 section 4.1.2.2)."""
    return x509.random_serial_number()


def random_password() -> str:
    """Choose a password that people can type: ASCII letters and digits."""
    return "".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(_PASSWORD_LENGTH))
