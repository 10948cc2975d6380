"""
Adoption: taking over an authority that somebody else's tool made.

Much in such a certificate cannot be mended afterwards, so everything that would come to light
years later, when a certificate is to be revoked or the authority replaced, is said now.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from deployer.errors import DeployerError
from deployer.pki.authority import Authority
from deployer.pki.constraints import permitted
from deployer.pki.keys import PrivateKey, is_same_key, weakness
from deployer.pki.limits import limits_of
from deployer.pki.material import date_problems, is_authority, is_issued_by, title
from deployer.pki.profiles import DIRECT, ROOT

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

_SOON = timedelta(days=365)
_SMALL_RSA = 3072  # what NIST SP 800-57 asks of a key that is used beyond 2030
_PURPOSES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "servers",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clients",
}


class CannotAdopt(DeployerError):
    """An authority that hosts would not accept, or that cannot sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """An authority that may be taken over, and what to know before."""

    certificate: x509.Certificate = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    """Who issued it, upwards, the root last; empty for a root."""
    key: PrivateKey = field(repr=False)
    direct: bool
    """It may not have the authorities below it that we need, so it issues leaves itself."""
    warnings: tuple[str, ...]
    """What will not work, in words."""

    @property
    def authority(self) -> Authority:
        """What it becomes: the root of authorities of our own, or the only one there is."""
        name = DIRECT if self.direct else ROOT.name
        return Authority(name=name, generation=1, certificate=self.certificate, chain=self.chain)


def examine(
    certificate: x509.Certificate,
    above: Sequence[x509.Certificate],
    key: PrivateKey,
    *,
    now: datetime,
) -> Adoption:
    """Check an authority with those above it, in any order, and the key that signs for it."""
    chain = _chain(certificate, above)
    found = [*_key_flaws(certificate, key), *_chain_flaws((certificate, *chain))]
    for one in (certificate, *chain):
        found += [f"{title(one)} {flaw}" for flaw in _flaws(one)]
        found += [message for message, _ in date_problems(one, now)]
    authority = Authority(name=ROOT.name, generation=1, certificate=certificate, chain=chain)
    limits = limits_of(authority)
    if limits.depth is not None and limits.depth < 0:
        found.append("a path length above it forbids it to issue anything")
    if limits.purposes is not None and not limits.purposes & _PURPOSES.keys():
        found.append("its ExtendedKeyUsage allows neither servers nor clients")
    if found:
        hint = "an authority that hosts refuse cannot be adopted; make one: deployer ca init"
        raise CannotAdopt(f"{title(certificate)} cannot be adopted: {'; '.join(found)}", hint=hint)
    # One for a single purpose can have nothing below it that the other would need.
    limited = limits.purposes is not None and not limits.purposes >= _PURPOSES.keys()
    direct = limits.depth == 0 or limited
    warnings = _warnings(authority, limits.depth, limits.purposes, now=now)
    return Adoption(
        certificate=certificate, chain=chain, key=key, direct=direct, warnings=tuple(warnings)
    )


def _chain(
    certificate: x509.Certificate, above: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Put the issuers in order, and leave out what has nothing to do with them."""
    chain: list[x509.Certificate] = []
    last = certificate
    while not is_issued_by(last, last):
        candidates = [one for one in above if one not in chain and is_issued_by(last, one)]
        if not candidates:
            break
        # A renewed issuer stands beside its former self; the one that lasts longer counts.
        last = max(candidates, key=lambda one: one.not_valid_after_utc)
        chain.append(last)
    return tuple(chain)


def _key_flaws(certificate: x509.Certificate, key: PrivateKey) -> Iterator[str]:
    if not is_same_key(key.public_key(), certificate.public_key()):
        yield "the private key is not the one of this certificate"


def _chain_flaws(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    top = chain[-1]
    old = [
        one
        for one in chain
        if isinstance(one.signature_hash_algorithm, hashes.SHA1 | hashes.MD5)
        and not is_issued_by(one, one)
    ]
    for one in old:
        # OpenSSL's security level 2 looks at every signature but the root's own.
        yield f"{title(one)} is signed with SHA-1 or MD5, which OpenSSL refuses"
    if top not in old and not is_issued_by(top, top):
        issuer = top.issuer.rfc4514_string()
        yield f"the certificate of {issuer} is missing: Apache trusts nothing below a missing root"


def _flaws(certificate: x509.Certificate) -> Iterator[str]:
    if certificate.version is not x509.Version.v3 or not is_authority(certificate):
        yield "is no authority: it has no basicConstraints that say CA:TRUE"
    usage = _value(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield "may not sign certificates: its keyUsage lacks keyCertSign"
    if flaw := weakness(certificate.public_key()):
        yield f"is too weak: {flaw}"
    if not certificate.subject.rdns:
        yield "has an empty subject, and nobody could name it as issuer"
    if certificate.subject.public_bytes() not in certificate.tbs_certificate_bytes:
        # What it issues must repeat its name byte by byte.
        yield "has a subject in an encoding that cannot be repeated"


def _warnings(
    authority: Authority,
    depth: int | None,
    purposes: frozenset[x509.ObjectIdentifier] | None,
    *,
    now: datetime,
) -> Iterator[str]:
    certificate = authority.certificate
    usage = _value(certificate, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        yield (
            "it may not sign CRLs (no cRLSign), and OpenSSL refuses all clients where one is "
            "checked: nothing that it issues can be revoked, and vhosts need mtls_revocation: none"
        )
    if usage is None:
        yield "it has no keyUsage: strict verifiers, as Python since 3.13, refuse it"
    if depth == 0:
        yield (
            "its path length allows no authority below it: it issues servers and clients itself, "
            "its key is needed for each, and a new one cannot be cross-signed when it ends"
        )
    if depth == 1:
        yield (
            "its path length allows one authority below it: a successor cannot be cross-signed, "
            "so every client needs the new root before the old one ends"
        )
    yield from _purpose_warnings(depth, purposes)
    if _value(certificate, x509.SubjectKeyIdentifier) is None:
        yield "it has no subjectKeyIdentifier: strict verifiers, as Python since 3.13, refuse it"
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and not constraints.critical:
        yield "its basicConstraints are not critical: strict verifiers refuse it"
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALL_RSA:
        yield f"its RSA key has {key.key_size} bits; {_SMALL_RSA} are advised for an authority"
    ends = min(one.not_valid_after_utc for one in authority.bundle)
    if ends - now < _SOON:
        yield f"it ends on {ends:%Y-%m-%d}, and so does everything below it: replace it soon"
    for constraint in limits_of(authority).constraints:
        names = ", ".join(permitted(constraint)) or "all but some"
        yield f"name constraints limit what it may certify to {names}; other names are refused"


def _purpose_warnings(
    depth: int | None, purposes: frozenset[x509.ObjectIdentifier] | None
) -> Iterator[str]:
    allowed = [name for oid, name in _PURPOSES.items() if purposes is None or oid in purposes]
    if len(allowed) == 1:
        yield f"its extendedKeyUsage is for {allowed[0]} alone: nothing else can be issued"
    elif depth == 0:
        yield (
            "it is for servers and for clients: whoever steals its key, or any other user of it, "
            "can make either"
        )


def _extension(certificate: x509.Certificate, kind: type[_Kind]) -> x509.Extension[_Kind] | None:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _value(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    extension = _extension(certificate, kind)
    return None if extension is None else extension.value
