"""Identities: client certificates for people and programs, handed over as files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.authority import Signer
from deployer.pki.issue import LeafRequest
from deployer.pki.keys import KeyType, PrivateKey, key_digest, private_key_pem
from deployer.pki.names import identity_alternative_names, identity_name
from deployer.pki.pkcs12 import to_pkcs12
from deployer.pki.profiles import CLIENT
from deployer.probe.handshake import Identity
from deployer.store.randomness import generate_key, random_password
from deployer.store.records import CertificateRequest, IssuedCertificate
from deployer.store.state import Store


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


def read_identity(directory: Path) -> Identity:
    """Read an identity that was handed over, to knock at servers with."""
    keys = sorted(directory.glob("*.key"))
    if len(keys) != 1:
        raise HandOverError(
            f"{directory} holds {len(keys)} keys where one is expected",
            hint="name the directory that deployer client issue -o wrote",
        )
    try:
        key = load_pem_private_key(keys[0].read_bytes(), password=None)
        leaf, *chain = pem.read_certificates(keys[0].with_suffix(".pem").read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise HandOverError(f"the identity in {directory} cannot be read: {error}") from error
    if not isinstance(key, PrivateKey):
        raise HandOverError(f"{keys[0]} is of a kind that TLS does not use")
    return Identity(certificate=leaf, chain=tuple(chain), key=key)


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
        raise HandOverError(f"cannot write {error.filename}: {error.strerror}") from error
    except BaseException:
        _remove(made)
        raise


def _remove(made: dict[str, Path]) -> None:
    for path in made.values():
        path.unlink(missing_ok=True)
