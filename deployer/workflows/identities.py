"""Identities: client certificates for people and programs, handed over as files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.authority import Authority, Signer
from deployer.pki.issue import LeafRequest
from deployer.pki.keys import KeyType, PrivateKey, is_same_key, key_digest, private_key_pem
from deployer.pki.material import date_problems, is_issued_by, title
from deployer.pki.names import identity_alternative_names, identity_name
from deployer.pki.pkcs12 import to_pkcs12
from deployer.pki.profiles import CLIENT
from deployer.probe.handshake import Identity
from deployer.store.randomness import generate_key, random_password
from deployer.store.records import CertificateRequest, IssuedCertificate
from deployer.store.state import Store

_READ = "name the directory that deployer client issue -o wrote"
_ISSUE = "deployer client issue makes a new one"


class HandOverError(DeployerError):
    """The files of an identity cannot be written or read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """The files of an identity, as they were written."""

    name: str
    directory: Path
    certificate: Path
    key: Path
    authority: Path
    pkcs12: Path | None
    password: str | None = field(repr=False)
    """Of the PKCS#12 file. Nothing remembers it: whoever is shown it now must keep it."""
    issued: IssuedCertificate = field(repr=False)


def issue_identity(
    name: str,
    directory: Path,
    *,
    store: Store,
    signer: Signer,
    now: datetime,
    email: str | None = None,
    dns: tuple[str, ...] = (),
    lifetime: timedelta | None = None,
    key_type: KeyType = KeyType.P256,
    with_pkcs12: bool = False,
) -> HandOver:
    """
    Issue a client certificate and write it, its key and its issuers into a directory.

    The directory is claimed before anything is signed: a certificate that cannot be handed
    over is not issued, and the key of another identity is never overwritten.
    """
    name = identity_name(name)
    emails = (email,) if email else ()
    names = identity_alternative_names(name, hosts=dns, emails=emails)
    key = generate_key(key_type)
    key_pem = private_key_pem(key)
    request = CertificateRequest(
        leaf=LeafRequest(
            profile=CLIENT,
            common_name=name,
            alternative_names=names,
            public_key=key.public_key(),
            lifetime=lifetime,
        ),
        host="",
        name=name,
        key_sha256=key_digest(key_pem),
    )
    suffixes = ("key", "pem", "ca.pem", *(("p12",) if with_pkcs12 else ()))
    with _claimed(directory, name, suffixes) as files:
        issued = store.certificates.issue(request, signer, now=now)
        files["key"].write_bytes(key_pem)
        files["pem"].write_bytes(issued.fullchain_pem)
        # Whoever holds this identity meets servers of the same root.
        files["ca.pem"].write_bytes(pem.write_certificates(issued.authority.bundle[-1:]))
        password = random_password() if with_pkcs12 else None
        if password is not None:
            files["p12"].write_bytes(_pkcs12(name, key, issued, password))
    return HandOver(
        name=name,
        directory=directory,
        certificate=files["pem"],
        key=files["key"],
        authority=files["ca.pem"],
        pkcs12=files.get("p12"),
        password=password,
        issued=issued,
    )


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
            if one.name == CLIENT.authority and is_issued_by(leaf, one.certificate)
        ),
        None,
    )


def _pkcs12(name: str, key: PrivateKey, issued: IssuedCertificate, password: str) -> bytes:
    chain = issued.authority.bundle
    return to_pkcs12(name, key=key, certificate=issued.certificate, chain=chain, password=password)


@contextmanager
def _claimed(directory: Path, name: str, suffixes: tuple[str, ...]) -> Iterator[dict[str, Path]]:
    """
    Create files that only their owner reads, and take them away again if the block fails.

    `O_EXCL`: what exists is never overwritten. The mode at creation: a later chmod would leave
    a moment in which others could open the file.
    """
    made: dict[str, Path] = {}
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for suffix in suffixes:
            path = directory / f"{name}.{suffix}"
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            made[suffix] = path
        yield made
    except FileExistsError as error:
        _remove(made)
        raise HandOverError(
            f"{error.filename} exists, and an identity's files are never overwritten",
            hint="choose another directory with -o",
        ) from error
    except OSError as error:
        _remove(made)
        where = error.filename or directory  # a full disk does not say which file it was
        raise HandOverError(f"cannot write {where}: {error.strerror}") from error
    except BaseException:
        _remove(made)
        raise


def _remove(made: dict[str, Path]) -> None:
    for path in made.values():
        path.unlink(missing_ok=True)
