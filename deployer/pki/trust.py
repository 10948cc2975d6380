"""
Checks of what clients, or backends, are verified against: trust bundles and revocation lists.

mod_ssl puts both into one OpenSSL store, and a single missing or expired list in the path of a
client refuses every client of that authority, under `optional` as well.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from cryptography import x509

from deployer.pki import pem
from deployer.pki.keys import is_same_key, weakness
from deployer.pki.material import (
    Problem,
    date_problems,
    is_authority,
    is_issued_by,
    signature_problems,
    title,
    visible,
)
from deployer.pki.profiles import CLIENT, LeafProfile
from deployer.pki.scope import (
    distinct,
    is_delta,
    is_partial,
    is_signed_by,
    not_understood,
    scope,
)

Revocation = Literal["chain", "leaf"]
"""`SSLCARevocationCheck`: lists of every authority in the path, or of the leaf's issuer."""


def check_trust(
    subject: str, bundle: bytes, *, now: datetime, profile: LeafProfile = CLIENT
) -> tuple[Problem, ...]:
    """Check a file for `SSLCACertificateFile`, or for `SSLProxyCACertificateFile`."""
    try:
        certificates = pem.read_certificates(bundle)
    except pem.MalformedPem as error:
        return (Problem(subject=subject, message=f"trust bundle: {error}", hint=error.hint),)
    found: list[tuple[str, str]] = []
    for certificate in certificates:
        found += date_problems(certificate, now)
        found += _anchor_problems(certificate, certificates, profile)
    return _problems(subject, found)


def check_crls(
    subject: str,
    crls: bytes,
    *,
    trust: Sequence[x509.Certificate],
    revocation: Revocation,
    issuers: Sequence[x509.Certificate] | None = None,
    now: datetime,
    profile: LeafProfile = CLIENT,
) -> tuple[Problem, ...]:
    """
    Check a file for `SSLCARevocationFile` against the bundle that it goes with.

    `issuers` are those whose clients are let in, where the bundle alone does not tell.
    """
    try:
        lists = distinct(pem.read_crls(crls))
    except pem.MalformedPem as error:
        return (Problem(subject=subject, message=f"CRL file: {error}", hint=error.hint),)
    found: list[tuple[str, str]] = []
    for crl in lists:
        found += _list_problems(crl, trust, profile)
    lowest = issuing(trust) if issuers is None else tuple(issuers)
    for authority in dict.fromkeys(trust) if revocation == "chain" else lowest:
        own = [crl for crl in lists if is_signed_by(crl, authority)]
        found += _freshness_problems(authority, own, now, profile)
        above = revocation == "chain" and _is_above(authority, trust)
        issues = authority in lowest
        found += _coverage_problems(authority, own, profile, issues=issues, above=above)
    return _problems(subject, found)


def _problems(subject: str, found: Sequence[tuple[str, str]]) -> tuple[Problem, ...]:
    """Say everything once: of a whole ladder of lists the same may be true."""
    said = dict.fromkeys(found)
    return tuple(Problem(subject=subject, message=text, hint=hint) for text, hint in said)


def depth(trust: Sequence[x509.Certificate]) -> int:
    """
    Count the authorities of the longest chain in a bundle, as `SSLVerifyDepth` does.

    Apache counts the root as well: a leaf below an issuing authority below a root needs 2.
    """
    return max((length for one in trust for length in _lengths(one, trust, ())), default=0)


def issuing(trust: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Find the authorities of a bundle that issued none of the others: those of the clients."""
    above = {
        one
        for one in trust
        for below in trust
        if not _is_former_self(below, one) and is_issued_by(below, one)
    }
    return tuple(one for one in dict.fromkeys(trust) if one not in above)


def _is_former_self(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Say whether two certificates are of one authority: its name and its key."""
    return one.subject == other.subject and is_same_key(one.public_key(), other.public_key())


def _is_above(authority: x509.Certificate, trust: Sequence[x509.Certificate]) -> bool:
    """Say whether its list is asked about an authority; a root's is asked about itself."""
    return any(is_issued_by(one, authority) for one in trust)


def _lengths(
    certificate: x509.Certificate,
    trust: Sequence[x509.Certificate],
    below: tuple[x509.Certificate, ...],
) -> Iterator[int]:
    chain = (*below, certificate)
    yield len(chain)
    if is_issued_by(certificate, certificate):
        return
    for issuer in trust:
        # Two roots that signed each other must not send us round in circles.
        if issuer not in chain and is_issued_by(certificate, issuer):
            yield from _lengths(issuer, trust, chain)


def _anchor_problems(
    certificate: x509.Certificate, bundle: Sequence[x509.Certificate], profile: LeafProfile
) -> list[tuple[str, str]]:
    if not is_authority(certificate):
        return [(f"{title(certificate)} is no authority", "a trust bundle holds authorities alone")]
    found = []
    if not _may(certificate, "key_cert_sign"):
        found.append((f"{title(certificate)} may not sign certificates", ""))
    if not _may_issue(certificate, profile):
        hint = f"OpenSSL refuses all its {profile.kind}s: name the authority that issues them"
        found.append((f"{title(certificate)} may not issue {profile.kind} certificates", hint))
    if flaw := weakness(certificate.public_key()):
        found.append((f"{title(certificate)}: {flaw}", ""))
    signature = signature_problems(certificate)
    found += signature
    if not signature and not _reaches_a_root(certificate, bundle, ()):
        message = f"{title(certificate)} leads to no root in the bundle"
        issuer = visible(certificate.issuer.rfc4514_string())
        found.append((message, f"add {issuer}: Apache trusts nothing below a missing root"))
    return found


def _reaches_a_root(
    certificate: x509.Certificate,
    bundle: Sequence[x509.Certificate],
    below: tuple[x509.Certificate, ...],
) -> bool:
    if is_issued_by(certificate, certificate):
        return True
    chain = (*below, certificate)
    return any(
        issuer not in chain
        and is_issued_by(certificate, issuer)
        and _reaches_a_root(issuer, bundle, chain)
        for issuer in bundle
    )


def _list_problems(
    crl: x509.CertificateRevocationList, trust: Sequence[x509.Certificate], profile: LeafProfile
) -> list[tuple[str, str]]:
    issuer = visible(crl.issuer.rfc4514_string())
    namesakes = [one for one in trust if one.subject == crl.issuer]
    if not namesakes:
        message = f"the CRL of {issuer} belongs to no authority in the bundle"
        return [(message, "trust its issuer or take the CRL out")]
    signers = [one for one in namesakes if is_signed_by(crl, one)]
    if not signers:
        return [(f"the CRL of {issuer} was not signed by its key", "fetch the CRL again")]
    found = []
    if not any(_may(one, "crl_sign") for one in signers):
        hint = f"reissue the authority with cRLSign: OpenSSL refuses all its {profile.kind}s"
        found.append((f"{issuer} may not sign CRLs", hint))
    if is_delta(crl):
        # OpenSSL 3.0 takes it for a complete list and lets those of the base in again.
        found.append((f"the CRL of {issuer} is a delta", "give the complete CRL in its place"))
    if is_partial(crl):
        hint = "fetch the complete list in its place"
        found.append((f"the CRL of {issuer} covers a part of its certificates", hint))
    for oid in not_understood(crl):
        message = f"the CRL of {issuer} has the critical extension {oid}, unknown to OpenSSL"
        hint = f"all its {profile.kind}s would be refused; ask for a list without it"
        found.append((message, hint))
    return found


def _coverage_problems(
    authority: x509.Certificate,
    crls: Sequence[x509.CertificateRevocationList],
    profile: LeafProfile,
    *,
    issues: bool,
    above: bool,
) -> list[tuple[str, str]]:
    """Find lists that are not asked about those whom they should be asked about."""
    points = [scope(crl) for crl in crls]
    whom = f"{profile.kind}s"
    found = []
    if issues and points and all(one and one.only_contains_ca_certs for one in points):
        message = f"the CRL of {title(authority)} is of authorities alone, and not of {whom}"
        found.append((message, f"fetch the complete list, or that of {whom} as well"))
    if above and points and all(one and one.only_contains_user_certs for one in points):
        message = f"the CRL of {title(authority)} is of {whom} alone, and not of authorities"
        leaf = ", or set revocation: leaf" if profile is CLIENT else ""
        hint = f"fetch the complete list{leaf}"
        found.append((message, hint))
    return found


def _freshness_problems(
    authority: x509.Certificate,
    crls: Sequence[x509.CertificateRevocationList],
    now: datetime,
    profile: LeafProfile,
) -> list[tuple[str, str]]:
    who = title(authority)
    if not crls:
        hint = f"all its {profile.kind}s would be refused; add one"
        return [(f"there is no CRL of {who}", hint)]
    if any(_is_current(crl, now) for crl in crls):
        # One second twice: OpenSSL takes whichever comes first, perhaps the one that knows less.
        times = Counter(crl.last_update_utc for crl in crls)
        return [
            (f"{count} CRLs of {who} are of {time:%Y-%m-%d %H:%M:%S} UTC", "keep the newest")
            for time, count in times.items()
            if count > 1
        ]
    if any(crl.last_update_utc > now for crl in crls):
        start = min(crl.last_update_utc for crl in crls if crl.last_update_utc > now)
        message = f"no CRL of {who} is valid before {start:%Y-%m-%d %H:%M} UTC"
        return [(message, f"is the clock right? It reads {now:%Y-%m-%d %H:%M} UTC")]
    end = max(crl.next_update_utc for crl in crls if crl.next_update_utc is not None)
    message = f"the CRL of {who} expired on {end:%Y-%m-%d %H:%M} UTC"
    return [(message, f"all its {profile.kind}s would be refused; renew it")]


def _is_current(crl: x509.CertificateRevocationList, now: datetime) -> bool:
    end = crl.next_update_utc
    return crl.last_update_utc <= now and (end is None or now < end)


def _may(certificate: x509.Certificate, right: str) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(getattr(usage, right))


def _may_issue(authority: x509.Certificate, profile: LeafProfile) -> bool:
    """Say whether its extended key usages, which bind what it issues, allow such leaves."""
    try:
        usage = authority.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return profile.purpose in usage
