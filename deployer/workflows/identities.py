"""Identities: client certificates for people and programs, issued, renewed and handed over."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.authority import Signer
from deployer.pki.csr import SigningRequest, read_csr
from deployer.pki.issue import BACKDATE, LeafRequest
from deployer.pki.keys import (
    KeyType,
    PrivateKey,
    PublicKey,
    key_digest,
    key_type,
    private_key_pem,
)
from deployer.pki.material import visible
from deployer.pki.names import identity_alternative_names, identity_name
from deployer.pki.pkcs12 import Flavour, to_pkcs12, to_truststore
from deployer.pki.profiles import CLIENT, SERVERS
from deployer.store.randomness import generate_key, random_password
from deployer.store.records import CertificateRequest, IssuedCertificate
from deployer.store.state import Store
from deployer.workflows.clients import NAME as PROBE
from deployer.workflows.handover import (
    PKCS12_PARTS,
    Claim,
    HandOver,
    HandOverError,
    Part,
    claimed,
)
from deployer.workflows.holders import refuse_compromised
from deployer.workflows.sheet import alternative_names, sheet

EXAMPLE_URL = "https://www.example.com/"
MACHINES_ONLY = "ed25519 is for machines: no browser accepts it, and NSS cannot import its .p12"


class CannotRead(DeployerError):
    """A signing request is not where it should be, or is none."""


class UnknownIdentity(DeployerError):
    """Nobody of that name has a certificate."""


class ReservedName(DeployerError):
    """A name that is ours."""


class OwnKey(DeployerError):
    """An identity whose key was never here, so that there is none to make anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An identity to certify."""

    name: str
    names: tuple[x509.GeneralName, ...]
    """What the certificate says beside the name; at least one."""
    lifetime: timedelta = CLIENT.lifetime
    key_type: KeyType = KeyType.P256
    """Of the key that is made, unless whoever asks has one."""
    public_key: PublicKey | None = None
    """Of a key that its owner keeps."""
    ignored: tuple[str, ...] = ()
    """What a signing request asked for besides, and does not get."""
    remarks: tuple[str, ...] = ()
    """What else is other than whoever asked may expect."""

    def __post_init__(self) -> None:
        if self.name == PROBE:
            raise ReservedName(f"the identity {PROBE!r} is that of deployer apply itself")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrar:
    """Who hands identities over: the books, the authority's key and the time."""

    store: Store
    signer: Signer
    now: datetime
    url: str = EXAMPLE_URL
    """A server that the sheet's lines may call."""

    def hand_over(self, wish: Wish, directory: Path, *, with_pkcs12: bool = False) -> HandOver:
        """
        Issue a client certificate and write it, its key and its issuers into a directory.

        Every file is claimed before anything is signed.
        """
        if wish.public_key is not None:
            refuse_compromised(wish.public_key, self.store)
        own = generate_key(wish.key_type) if wish.public_key is None else None
        parts = _parts(has_key=own is not None, with_pkcs12=with_pkcs12)
        with claimed(directory, wish.name, parts) as files:
            if own is not None:
                files.write(Part.KEY, private_key_pem(own))
            issued = self.store.certificates.issue(_request(wish, own), self.signer, now=self.now)
            handed_over = HandOver(
                name=wish.name,
                directory=directory,
                parts=parts,
                issued=issued,
                roots=self._roots(),
                password=random_password() if with_pkcs12 else None,
                remarks=self._remarks(wish, issued),
            )
            try:
                _write(files, handed_over, own)
                files.write(Part.SHEET, sheet(handed_over, self.url).encode())
            except OSError as error:
                why = f"cannot write {error.filename or directory}: {error.strerror or error}"
                raise HandOverError(why, hint=f"it was issued: {revocation(issued)}") from error
        return handed_over

    def _roots(self) -> tuple[x509.Certificate, ...]:
        """Find what servers may be verified by: while one root replaces another, both."""
        trusted = self.store.authorities.trusted(SERVERS.name)
        return tuple(dict.fromkeys(one.bundle[-1] for one in trusted))

    def _remarks(self, wish: Wish, issued: IssuedCertificate) -> tuple[str, ...]:
        found = [*wish.remarks]
        end = issued.certificate.not_valid_after_utc
        # A certificate knows no fractions of a second.
        if end < (self.now + wish.lifetime).replace(microsecond=0):
            authority = f"{issued.authority.name} G{issued.authority.generation}"
            found.append(f"cut to {end:%Y-%m-%d}, when the authority {authority} ends")
        if key_type(issued.certificate.public_key()) is KeyType.ED25519:
            found.append(MACHINES_ONLY)
        if wish.ignored:
            found.append(f"not taken from the signing request: {'; '.join(wish.ignored)}")
        return tuple(found)


def revocation(issued: IssuedCertificate) -> str:
    """Say what takes a certificate back that did not reach its owner."""
    prefix = f"{issued.certificate.serial_number:x}"[:12]
    return f"deployer client revoke {shlex.quote(issued.name)} --serial {prefix}"


def wished(
    name: str,
    *,
    emails: Sequence[str] = (),
    upns: Sequence[str] = (),
    hosts: Sequence[str] = (),
    uris: Sequence[str] = (),
    lifetime: timedelta = CLIENT.lifetime,
    key_type: KeyType = KeyType.P256,
    request: SigningRequest | None = None,
) -> Wish:
    """Read what an identity is to be called; of a signing request, its key alone is taken."""
    ignored: tuple[str, ...] = ()
    if request is not None:
        other = request.common_name not in {"", name}
        ignored = (*((f"CN={visible(request.common_name)}",) if other else ()), *request.ignored)
    return Wish(
        name=identity_name(name),
        names=identity_alternative_names(name, hosts=hosts, emails=emails, upns=upns, uris=uris),
        lifetime=lifetime,
        key_type=key_type,
        public_key=None if request is None else request.public_key,
        ignored=ignored,
    )


def read_request(file: Path) -> SigningRequest:
    """Read a signing request."""
    try:
        return read_csr(file.read_bytes())
    except OSError as error:
        raise CannotRead(f"cannot read {file}: {error.strerror}") from error
    except DeployerError as error:
        raise CannotRead(f"{file}: {error.message}", hint=error.hint) from error


def wished_again(
    name: str,
    store: Store,
    *,
    lifetime: timedelta | None = None,
    key_type: KeyType | None = None,
) -> Wish:
    """Ask for the identity of the newest certificate of a name once more, with another key."""
    newest = newest_of(name, store)
    if not newest.key_sha256:
        again = f"deployer client issue {shlex.quote(newest.name)} --csr FILE"
        raise OwnKey(f"the key of {newest.name!r} is their own", hint=again)
    leaf = newest.certificate
    before = leaf.not_valid_after_utc - leaf.not_valid_before_utc - BACKDATE
    remarks: tuple[str, ...] = ()
    issuer = newest.authority.certificate
    if lifetime is None and leaf.not_valid_after_utc == issuer.not_valid_after_utc:
        # How long it was meant to live is not known.
        before = CLIENT.lifetime
        remarks = (f"the last one was cut by its authority's end; this one is for {before.days}d",)
    return Wish(
        name=newest.name,
        names=alternative_names(leaf),
        lifetime=before if lifetime is None else lifetime,
        key_type=key_type or _kind_of(leaf),
        remarks=remarks,
    )


def newest_of(name: str, store: Store) -> IssuedCertificate:
    """Find the newest certificate of an identity that was not revoked."""
    name = identity_name(name)
    found = store.certificates.of_target(kind="client", host="", name=name)
    everywhere = store.certificates.list(kind="client", name=name) if found is None else ()
    if everywhere and all(one.host for one in everywhere):
        hosts = ", ".join(dict.fromkeys(one.host for one in everywhere))
        raise UnknownIdentity(
            f"{name!r} was handed over to nobody: {hosts} shows it to backends",
            hint="deployer apply renews it",
        )
    if found is None and not everywhere:
        raise UnknownIdentity(
            f"{name!r} never had a certificate", hint="deployer client list --all shows who has one"
        )
    if found is None:
        raise UnknownIdentity(
            f"no certificate of {name!r} is there that was not revoked",
            hint="deployer client list --all shows who has one",
        )
    return found


def _kind_of(leaf: x509.Certificate) -> KeyType:
    """Say of which kind the next key is: the last one's, or ours where that cannot be asked for."""
    return key_type(leaf.public_key()) or KeyType.P256


def _parts(*, has_key: bool, with_pkcs12: bool) -> tuple[Part, ...]:
    return (
        Part.CERTIFICATE,
        *((Part.KEY,) if has_key else ()),
        Part.AUTHORITY,
        *(PKCS12_PARTS if with_pkcs12 else ()),
        Part.SHEET,
    )


def _request(wish: Wish, own: PrivateKey | None) -> CertificateRequest:
    public_key = wish.public_key if own is None else own.public_key()
    if public_key is None:
        raise ValueError("a wish without a public key comes with a private one")
    return CertificateRequest(
        leaf=LeafRequest(
            profile=CLIENT,
            common_name=wish.name,
            alternative_names=wish.names,
            public_key=public_key,
            lifetime=wish.lifetime,
        ),
        host="",
        name=wish.name,
        # Of a key that we have never seen there is no file to name.
        key_sha256="" if own is None else key_digest(private_key_pem(own)),
    )


def _write(files: Claim, handed_over: HandOver, own: PrivateKey | None) -> None:
    issued, password = handed_over.issued, handed_over.password
    files.write(Part.CERTIFICATE, issued.fullchain_pem)
    files.write(Part.AUTHORITY, pem.write_certificates(handed_over.roots))
    if own is None or password is None:
        return
    for part, flavour in ((Part.PKCS12, Flavour.MODERN), (Part.COMPATIBLE, Flavour.COMPATIBLE)):
        packed = to_pkcs12(
            handed_over.name,
            key=own,
            certificate=issued.certificate,
            chain=issued.authority.bundle,
            password=password,
            flavour=flavour,
        )
        files.write(part, packed)
    aliases = {f"root {number}": root for number, root in enumerate(handed_over.roots, start=1)}
    files.write(Part.TRUSTSTORE, to_truststore(aliases, password=password))
