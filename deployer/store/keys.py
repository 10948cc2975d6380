"""
Authorities' private keys at rest: sealed with a passphrase that people choose.

OpenSSL's own encrypted PKCS#8 stretches a passphrase with 2048 rounds of PBKDF2, which a
graphics card tries by the million. Here it costs 64 MiB of memory a guess (Argon2id), and
AES-256-GCM notices every change, in the parameters and in whose key it is as well.
"""

import os
import struct
import threading
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from deployer.errors import DeployerError
from deployer.pki.keys import PrivateKey

_MAGIC = b"deployer-key-1\0\0"
_HEADER = struct.Struct(">16sIII16s12s")  # magic, memory, iterations, lanes, salt, nonce
# A damaged header must not ask for all memory or for all eternity.
_MOST_MEMORY_KIB = 1024 * 1024
_MOST_ITERATIONS = 64
_MOST_LANES = 64
# OpenSSL shares its threads among all derivations of a process, and two at once may wait for each
# other for ever (seen with the OpenSSL 4.0 that cryptography brings).
_one_at_a_time = threading.Lock()


class WrongPassphrase(DeployerError):
    """The passphrase does not open the key, or the key was tampered with."""


class DamagedKey(DeployerError):
    """A sealed key that is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """How hard each guess at a passphrase is made."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4


DEFAULT_COST = Cost()


def seal(key: PrivateKey, passphrase: str, *, owner: str, cost: Cost = DEFAULT_COST) -> bytes:
    """Encrypt an authority's key under a passphrase; `owner` says whose it is."""
    if not passphrase:
        raise WrongPassphrase("the passphrase is empty", hint="choose one of several words")
    salt, nonce = os.urandom(16), os.urandom(12)
    header = _HEADER.pack(_MAGIC, cost.memory_kib, cost.iterations, cost.lanes, salt, nonce)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cipher = AESGCM(_derive(passphrase, salt, cost))
    return header + cipher.encrypt(nonce, plain, header + owner.encode())


def unseal(sealed: bytes, passphrase: str, *, owner: str) -> PrivateKey:
    """Decrypt the key of an authority."""
    header, body = sealed[: _HEADER.size], sealed[_HEADER.size :]
    cost, salt, nonce = _read_header(header, owner)
    try:
        cipher = AESGCM(_derive(passphrase, salt, cost))
        plain = cipher.decrypt(nonce, body, header + owner.encode())
    except InvalidTag as error:
        raise WrongPassphrase(
            f"the passphrase does not open the key of {owner}",
            hint="try again; it is what `deployer ca init` or the last `ca passphrase` was given",
        ) from error
    key = load_der_private_key(plain, password=None)
    if not isinstance(key, PrivateKey):
        raise DamagedKey(f"the key of {owner} is of a type that signs nothing")
    return key


def _read_header(header: bytes, owner: str) -> tuple[Cost, bytes, bytes]:
    if len(header) == _HEADER.size:
        magic, memory, iterations, lanes, salt, nonce = _HEADER.unpack(header)
        if (
            magic == _MAGIC
            and 1 <= iterations <= _MOST_ITERATIONS
            and 1 <= lanes <= _MOST_LANES
            and 8 * lanes <= memory <= _MOST_MEMORY_KIB  # RFC 9106 section 3.1
        ):
            return Cost(memory_kib=memory, iterations=iterations, lanes=lanes), salt, nonce
    raise DamagedKey(f"the key of {owner} is damaged", hint="restore the state from a backup")


def _derive(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    # One passphrase has several encodings: a Mac types é as two characters, others as one.
    secret = unicodedata.normalize("NFC", passphrase).encode()
    kdf = Argon2id(
        salt=salt,
        length=32,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    )
    with _one_at_a_time:
        return kdf.derive(secret)
