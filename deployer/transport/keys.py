"""
Private keys to log in with: from files, and from the agent.

Keys are read into memory in the formats that OpenSSH and openssl write, without passphrases:
a key that has one belongs into the agent, where it is unlocked once for a run of any size.
"""

import io
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from paramiko.agent import AgentSSH

IDENTITY_FILES = (
    Path("~/.ssh/id_ed25519"),
    Path("~/.ssh/id_ecdsa"),
    Path("~/.ssh/id_rsa"),
)
"""What `ssh` tries when it is told nothing (ssh_config(5), IdentityFile)."""

_LISTED_WITHIN = 3

_KEY_CLASSES: tuple[tuple[type, type[paramiko.PKey]], ...] = (
    (Ed25519PrivateKey, paramiko.Ed25519Key),
    (EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (RSAPrivateKey, paramiko.RSAKey),
)


class UnusableKey(Exception):
    """A key file that cannot be used, and why."""


class EncryptedKey(UnusableKey):
    """A key file that only an agent can use for us: we ask for no passphrases."""


def load_key(path: Path) -> paramiko.PKey:
    """Read a private key in any format OpenSSH writes, with its certificate beside it."""
    try:
        data = path.expanduser().read_bytes()
    except OSError as error:
        raise UnusableKey(f"{path}: {error.strerror}") from error
    except RuntimeError as error:
        raise UnusableKey(f"{path}: there is no such home directory") from error
    opening = b"-----BEGIN OPENSSH PRIVATE KEY-----"
    load = load_ssh_private_key if opening in data else load_pem_private_key
    try:
        private = load(data, password=None)
    except TypeError as error:
        raise EncryptedKey(f"{path} is encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(f"{path} is not a private key that can be used here") from error
    kind = next((ours for theirs, ours in _KEY_CLASSES if isinstance(private, theirs)), None)
    if kind is None:
        raise UnusableKey(f"{path} is a key of a type that SSH no longer accepts")
    # paramiko's own reader knows fewer formats; this one it always understands.
    openssh = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    key = kind.from_private_key(io.StringIO(openssh.decode()))
    certificate = Path(f"{path.expanduser()}-cert.pub")
    try:
        if certificate.exists():
            key.load_certificate(str(certificate))
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise UnusableKey(f"{certificate} is not a certificate for {path}") from error
    return key


class _Agent(AgentSSH):
    """An agent behind a socket of our own: paramiko's leaks its socket, and waits for ever."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connect(connection)  # type: ignore[attr-defined]  # not in the stubs


@contextmanager
def agent_keys(timeout: float) -> Iterator[tuple[paramiko.PKey, ...]]:
    """
    Lend the keys of the agent that `SSH_AUTH_SOCK` names, as long as the block lasts.

    Keys that live on a security token (`sk-…`) are left out: each would wait for a finger.
    An agent that does not answer has no keys.
    """
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        yield ()
        return
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(min(timeout, _LISTED_WITHIN))
        try:
            connection.connect(path)
            keys = _Agent(connection).get_keys()
        except (OSError, paramiko.SSHException):
            keys = ()
        connection.settimeout(timeout)  # to sign, it may have to ask somebody
        yield tuple(key for key in keys if not key.get_name().startswith("sk-"))
