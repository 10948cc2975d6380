"""
Private keys to log in with: from files, and from the agent.

Keys are read into memory in the formats that OpenSSH and openssl write. One with a passphrase
is opened with the one that was given for it, or is left to the agent.
"""

import base64
import io
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    SSHPrivateKeyTypes,
    load_pem_private_key,
    load_ssh_private_key,
)
from paramiko.agent import AgentSSH

from deployer.transport.certificates import parse

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
    """A key file that only its passphrase opens, and that the agent may hold."""


def load_key(path: Path, passphrase: str | None = None) -> paramiko.PKey:
    """Read a private key in any format OpenSSH writes, with its certificate beside it."""
    try:
        data = path.expanduser().read_bytes()
    except OSError as error:
        raise UnusableKey(f"{path}: {error.strerror}") from error
    except RuntimeError as error:
        raise UnusableKey(f"{path}: there is no such home directory") from error
    key = parse_key(data, str(path), passphrase)
    certificate = Path(f"{path.expanduser()}-cert.pub")
    try:
        if certificate.exists():
            key.load_certificate(str(certificate))
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise UnusableKey(f"{certificate} is not a certificate for {path}") from error
    return key


def parse_key(data: bytes, name: str, passphrase: str | None = None) -> paramiko.PKey:
    """Read a private key; `name` is what errors call it, and nothing else of it is in them."""
    opening = b"-----BEGIN OPENSSH PRIVATE KEY-----"
    load = load_ssh_private_key if opening in data else load_pem_private_key
    try:
        private = _load(load, data, passphrase)
    except TypeError as error:
        raise EncryptedKey(f"{name} is encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        wrong = " with this passphrase" if passphrase is not None else ""
        raise UnusableKey(f"{name} is not a private key that can be used here{wrong}") from error
    kind = next((ours for theirs, ours in _KEY_CLASSES if isinstance(private, theirs)), None)
    if kind is None:
        raise UnusableKey(f"{name} is a key of a type that SSH no longer accepts")
    # paramiko's own reader knows fewer formats; this one it always understands.
    openssh = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return kind.from_private_key(io.StringIO(openssh.decode()))


def _load(
    load: Callable[..., PrivateKeyTypes | SSHPrivateKeyTypes],
    data: bytes,
    passphrase: str | None,
) -> PrivateKeyTypes | SSHPrivateKeyTypes:
    """Load a key, with a passphrase if it wants one: to give one for nothing is no error."""
    try:
        return load(data, password=None)
    except TypeError:
        if passphrase is None:
            raise
        return load(data, password=passphrase.encode())


def public_half(path: Path) -> bytes | None:
    """Read the public key beside a private one, in the form of RFC 4253 §6.6."""
    try:
        return base64.b64decode(Path(f"{path.expanduser()}.pub").read_text().split()[1])
    except (OSError, ValueError, IndexError, RuntimeError):
        return None


def certify(key: paramiko.PKey, certificates: Sequence[Path]) -> None:
    """Give a key the certificate that is for it, if one of these files holds that."""
    for path in certificates:
        try:
            algorithm, text = path.read_text().split()[:2]
            certified = parse(algorithm, base64.b64decode(text))
            if certified.key == key.asbytes():
                key.load_certificate(str(path))
        except (OSError, ValueError, paramiko.SSHException):
            continue  # ssh passes over it as well


class _Agent(AgentSSH):
    """An agent behind a socket of our own: paramiko's leaks its socket, and waits for ever."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connect(connection)  # type: ignore[attr-defined]  # not in the stubs


def agent_socket(agent: str) -> str:
    """Name the socket that IdentityAgent of ssh_config(5) means; empty for none."""
    if agent == "SSH_AUTH_SOCK" or agent.startswith("$"):
        return os.environ.get(agent.removeprefix("$"), "")
    return "" if agent == "none" else agent


def is_in_agent(path: Path) -> bool:
    """Say whether the agent of the environment holds the key of a file."""
    half = public_half(path)
    if half is None:
        return False
    with agent_keys(agent_socket("SSH_AUTH_SOCK"), _LISTED_WITHIN) as keys:
        return half in {key.asbytes() for key in keys}


@contextmanager
def agent_keys(path: str, timeout: float) -> Iterator[tuple[paramiko.PKey, ...]]:
    """
    Lend the keys of the agent at a socket, as long as the block lasts; no path, no keys.

    Keys that live on a security token (`sk-…`) are left out: each would wait for a finger.
    An agent that does not answer has no keys.
    """
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
