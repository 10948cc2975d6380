"""The clients that a probe knocks with: one of ours, and a stranger."""

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deployer.pki import pem
from deployer.pki.authority import Authority, Signer
from deployer.pki.issue import LeafRequest
from deployer.pki.keys import KeyType, PrivateKey, is_same_key, key_digest, private_key_pem
from deployer.pki.material import date_problems, is_issued_by, title
from deployer.pki.names import identity_alternative_names
from deployer.pki.profiles import CLIENT
from deployer.pki.stranger import stranger
from deployer.probe.handshake import Identity
from deployer.probe.verdict import Clients
from deployer.store.randomness import generate_key, random_serial_number
from deployer.store.records import CertificateRequest
from deployer.store.state import Store
from deployer.workflows.handover import HandOverError

NAME = "deployer-probe"
LIFETIME = timedelta(hours=1)
_READ = "name the directory that deployer client issue -o wrote"
_ISSUE = "deployer client issue makes a new one"


def a_stranger(now: datetime) -> Identity:
    """Make a client that certified itself."""
    key = generate_key(KeyType.P256)
    certificate = stranger(key, now=now, serial=random_serial_number())
    return Identity(certificate=certificate, chain=(), key=key)


def a_certified_client(store: Store, signer: Signer, now: datetime) -> Identity:
    """Issue an identity for this run: on record like any other, and over within the hour."""
    key = generate_key(KeyType.P256)
    request = CertificateRequest(
        leaf=LeafRequest(
            profile=CLIENT,
            common_name=NAME,
            alternative_names=identity_alternative_names(NAME),
            public_key=key.public_key(),
            lifetime=LIFETIME,
        ),
        host="",
        name=NAME,
        key_sha256=key_digest(private_key_pem(key)),
    )
    issued = store.certificates.issue(request, signer, now=now)
    chain = issued.authority.fullchain(issued.certificate)[1:]
    return Identity(certificate=issued.certificate, chain=chain, key=key)


def read_identity(directory: Path, store: Store, *, now: datetime) -> Identity:
    """
    Read an identity that was handed over, to knock at servers with.

    Servers that turn it away are taken for broken and go back to the release before. So one
    that they would be right to turn away is refused here, before anything connects.
    """
    try:
        keys = sorted(path for path in directory.iterdir() if path.suffix == ".key")
    except OSError as error:
        raise HandOverError(f"cannot read {directory}: {error.strerror}", hint=_READ) from error
    if len(keys) != 1:
        raise HandOverError(
            f"{directory} holds {len(keys)} keys where one is expected",
            hint=_READ,
        )
    key = _read_key(keys[0])
    file = keys[0].with_suffix(".pem")
    leaf = _read_certificate(file)
    if not is_same_key(key.public_key(), leaf.public_key()):
        raise HandOverError(f"{keys[0]} is not the key of the certificate in {file}", hint=_READ)
    for message, hint in date_problems(leaf, now):
        raise HandOverError(f"{file}: {message}", hint=_ISSUE if hint == "renew it" else hint)
    authority = _issuer(leaf, store)
    if authority is None:
        raise HandOverError(
            f"{file}: {title(leaf)} was not issued by the clients' authority of this CA",
            hint=_ISSUE,
        )
    lists = store.crls.current(authority)
    if any(one.get_revoked_certificate_by_serial_number(leaf.serial_number) for one in lists):
        raise HandOverError(f"{file}: {title(leaf)} was revoked", hint=_ISSUE)
    return Identity(certificate=leaf, chain=authority.fullchain(leaf)[1:], key=key)


def knockers(certified: Identity | None, now: datetime) -> Clients:
    """Put together whoever knocks."""
    return Clients(certified=certified, stranger=a_stranger(now))


def _read_key(file: Path) -> PrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise HandOverError(f"cannot read {file}: {error.strerror}") from error
    except TypeError as error:  # what the library raises for a key that needs a password
        raise HandOverError(f"{file} is encrypted", hint="decrypt it: openssl pkey") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise HandOverError(f"{file} holds no private key that can be read", hint=_READ) from error
    if not isinstance(key, PrivateKey):
        raise HandOverError(f"{file} is of a kind that TLS does not use")
    return key


def _read_certificate(file: Path) -> x509.Certificate:
    try:
        return pem.read_certificates(file.read_bytes())[0]
    except OSError as error:
        raise HandOverError(f"cannot read {file}: {error.strerror}") from error
    except pem.MalformedPem as error:
        raise HandOverError(f"{file}: {error.message}", hint=error.hint) from error


def _issuer(leaf: x509.Certificate, store: Store) -> Authority | None:
    """Find the generation of the clients' authority that signed a certificate."""
    return next(
        (
            one
            for one in store.authorities.list()
            if one.issues(CLIENT) and is_issued_by(leaf, one.certificate)
        ),
        None,
    )
