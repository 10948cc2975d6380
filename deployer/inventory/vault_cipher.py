"""How Ansible Vault encrypts: AES-256 in counter mode, keys by PBKDF2, an HMAC before all else."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

_ROUNDS = 10_000
_KEY, _NONCE = 32, 16


def decrypt(sealed: bytes, password: bytes, *, salt: bytes, digest: bytes) -> bytes | None:
    """Decrypt what a password was used for; None for any other password, or what was changed."""
    derived = PBKDF2HMAC(hashes.SHA256(), 2 * _KEY + _NONCE, salt, _ROUNDS).derive(password)
    key, mac, nonce = derived[:_KEY], derived[_KEY : 2 * _KEY], derived[2 * _KEY :]
    judge = hmac.HMAC(mac, hashes.SHA256())
    judge.update(sealed)
    try:
        judge.verify(digest)
    except InvalidSignature:
        return None
    decryptor = Cipher(AES(key), CTR(nonce)).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    unpadder = padding.PKCS7(AES.block_size).unpadder()
    return unpadder.update(padded) + unpadder.finalize()
