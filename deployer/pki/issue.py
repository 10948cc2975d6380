"""
Issuing: from a request, a signer, a day and a serial number to a certificate.

Key identifiers alone name the issuer, never its issuer and serial: those break every leaf when
the authority's certificate is renewed with the same key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from deployer.errors import DeployerError
from deployer.pki.authority import Authority, Signer
from deployer.pki.keys import PrivateKey, PublicKey, leaf_key_usage, signature_hash, weakness
from deployer.pki.lint import lint
from deployer.pki.material import Problem
from deployer.pki.names import LONGEST_COMMON_NAME, InvalidName, common_name
from deployer.pki.profiles import ROOT, SERVERS, AuthorityProfile, LeafProfile

BACKDATE = timedelta(hours=1)
"""How far clocks in a fleet may be behind ours and still accept what was just signed."""
SHORTEST = timedelta(days=1)
"""An issuer with less left than this issues no more, unless even less was asked for."""


class CannotIssue(DeployerError):
    """A certificate that would be wrong the day it is made."""

    @classmethod
    def because(cls, problems: Sequence[Problem]) -> Self:
        """List what the second opinion found."""
        said = "; ".join(problem.message for problem in problems)
        hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
        return cls(f"{problems[0].subject} was not signed: {said}", hint="; ".join(hints))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRequest:
    """What a leaf should say."""

    profile: LeafProfile
    common_name: str
    """Empty where no name is short enough; the alternative names are what counts."""
    alternative_names: tuple[x509.GeneralName, ...]
    public_key: PublicKey
    lifetime: timedelta | None = None
    """None for the profile's own."""

    @property
    def asked_lifetime(self) -> timedelta:
        """How long the leaf should live, before its issuer's end cuts it."""
        return self.profile.lifetime if self.lifetime is None else self.lifetime


def issue_root(
    *,
    organization: str,
    generation: int,
    key: PrivateKey,
    now: datetime,
    serial: int,
    throwaway: PrivateKey,
    lifetime: timedelta = ROOT.lifetime,
    constraints: x509.NameConstraints | None = None,
) -> Authority:
    """Make a self-signed root, which may bind everything below it to some names."""
    subject = authority_subject(ROOT, organization, generation)
    builder = _authority_builder(
        ROOT,
        subject=subject,
        issuer=None,
        public_key=key.public_key(),
        serial=serial,
        validity=(now - BACKDATE, now + lifetime),
        constraints=constraints,
    )
    _check(builder, ROOT, None, throwaway)
    certificate = builder.sign(key, signature_hash(key))
    return Authority(name=ROOT.name, generation=generation, certificate=certificate, chain=())


def issue_authority(
    profile: AuthorityProfile,
    *,
    generation: int,
    public_key: PublicKey,
    signer: Signer,
    now: datetime,
    serial: int,
    throwaway: PrivateKey,
    lifetime: timedelta | None = None,
    organization: str | None = None,
) -> Authority:
    """
    Make an issuing authority below a root, in the root's organization if in no other.

    One for servers repeats the root's constraints: some verifiers, Java's among them, take from
    a trust anchor its name and its key and nothing else (RFC 5280 section 6.1.1 (d)). One for
    clients does not, for there Java takes every CN for a host; as it cannot make servers
    (`Profile`), nobody can be led astray with it.
    """
    subject = authority_subject(profile, organization or signer.authority.organization, generation)
    asked = profile.lifetime if lifetime is None else lifetime
    builder = _authority_builder(
        profile,
        subject=subject,
        issuer=signer.authority,
        public_key=public_key,
        serial=serial,
        validity=_validity(signer.authority, now, asked),
        constraints=signer.authority.constraints if profile is SERVERS else None,
    )
    _check(builder, profile, signer.authority, throwaway)
    return Authority(
        name=profile.name,
        generation=generation,
        certificate=signer.sign_certificate(builder),
        chain=signer.authority.bundle,
    )


def issue_leaf(
    request: LeafRequest, signer: Signer, *, now: datetime, serial: int, throwaway: PrivateKey
) -> x509.Certificate:
    """Make the certificate of a server or of an identity."""
    profile = request.profile
    if not signer.authority.issues(profile):
        raise CannotIssue(f"the authority {signer.authority.name} does not issue {profile.kind}s")
    if not request.alternative_names:
        raise CannotIssue(f"{request.common_name!r} has no alternative name to be checked against")
    if flaw := weakness(request.public_key):
        raise CannotIssue(f"{request.common_name!r} cannot be certified: {flaw}")
    start, end = _validity(signer.authority, now, _leaf_lifetime(request))
    subject = common_name(request.common_name)
    builder = _builder(
        subject=subject,
        issuer=signer.authority,
        public_key=request.public_key,
        serial=serial,
        validity=(start, end),
        extensions=(
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (leaf_key_usage(request.public_key), True),
            (x509.ExtendedKeyUsage([profile.purpose]), False),
            # Critical where it is all there is: RFC 5280 section 4.2.1.6.
            (x509.SubjectAlternativeName(request.alternative_names), not subject.rdns),
        ),
    )
    _check(builder, profile, signer.authority, throwaway)
    return signer.sign_certificate(builder)


def authority_subject(profile: AuthorityProfile, organization: str, generation: int) -> x509.Name:
    """
    Name one generation of an authority.

    Each key has a name of its own. Two keys under one name work only while every CRL of both
    carries a key identifier, and nobody who reads a log can tell them apart.
    """
    kind = "an organization's name"
    name = f"{organization} {profile.title} G{generation}"
    if not organization.strip() or not organization.isprintable():
        raise InvalidName(kind, organization, "it is empty or cannot be printed")
    if organization != organization.strip():
        raise InvalidName(kind, organization, "it begins or ends with a space")
    if (size := len(name.encode())) > LONGEST_COMMON_NAME:
        most = LONGEST_COMMON_NAME - size + len(organization.encode())
        raise InvalidName(kind, organization, f"it is longer than {most} characters")
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _authority_builder(
    profile: AuthorityProfile,
    *,
    subject: x509.Name,
    issuer: Authority | None,
    public_key: PublicKey,
    serial: int,
    validity: tuple[datetime, datetime],
    constraints: x509.NameConstraints | None = None,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,  # without it every client is refused, for the CRL does not count
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=profile.path_length), True),
        (usage, True),
    ]
    if profile.purpose is not None:
        extensions.append((x509.ExtendedKeyUsage([profile.purpose]), False))
    if constraints is not None:
        extensions.append((constraints, True))  # critical: RFC 5280 section 4.2.1.10
    return _builder(
        subject=subject,
        issuer=issuer,
        public_key=public_key,
        serial=serial,
        validity=validity,
        extensions=extensions,
    )


def _builder(
    *,
    subject: x509.Name,
    issuer: Authority | None,
    public_key: PublicKey,
    serial: int,
    validity: tuple[datetime, datetime],
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> x509.CertificateBuilder:
    """Say what every certificate says, and then what this one does."""
    start, end = validity
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        # The issuer's name is copied, not rebuilt: another string type would be another name.
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    identifiers: list[tuple[x509.ExtensionType, bool]] = [(identifier, False)]
    if issuer is not None:
        identifiers.append((issuer.key_identifier, False))
    for extension, critical in (*extensions, *identifiers):
        builder = builder.add_extension(extension, critical=critical)
    return builder


def _check(
    builder: x509.CertificateBuilder,
    profile: AuthorityProfile | LeafProfile,
    issuer: Authority | None,
    throwaway: PrivateKey,
) -> None:
    """
    Refuse what the second opinion objects to, before the authority's key has signed it.

    A signature cannot be taken back, and a throw-away key's binds nobody (as Let's Encrypt does).
    """
    draft = builder.sign(throwaway, signature_hash(throwaway))
    if problems := lint(draft, profile=profile, issuer=issuer):
        raise CannotIssue.because(problems)


def _validity(issuer: Authority, now: datetime, lifetime: timedelta) -> tuple[datetime, datetime]:
    """
    Fit a validity into the issuer's.

    Nothing complains about a leaf that outlives its issuer until the day the issuer dies, so it
    is cut here; and an issuer at its end would make leaves that are due the day they are made.
    """
    first = issuer.certificate.not_valid_before_utc
    last = issuer.certificate.not_valid_after_utc
    whose = f"the authority {issuer.name} G{issuer.generation}"
    if now < first:
        raise CannotIssue(
            f"{whose} is not valid before {first:%Y-%m-%d %H:%M} UTC",
            hint="is this computer's clock right?",
        )
    if last - now < min(lifetime, SHORTEST):
        raise CannotIssue(
            f"{whose} ends on {last:%Y-%m-%d %H:%M} UTC, too soon to issue anything",
            hint="replace the authority",
        )
    return max(now - BACKDATE, first), min(now + lifetime, last)


def _leaf_lifetime(request: LeafRequest) -> timedelta:
    profile = request.profile
    lifetime = request.asked_lifetime
    if lifetime <= timedelta(0):
        raise CannotIssue(f"a lifetime of {lifetime} is over before it begins")
    if profile.longest is not None and lifetime > profile.longest:
        raise CannotIssue(
            f"a {profile.kind} certificate of {lifetime.days} days is refused by clients",
            hint=f"ask for {profile.longest.days} days or fewer",
        )
    return lifetime
