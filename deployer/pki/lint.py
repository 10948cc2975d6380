"""
A second opinion on a certificate before it is signed.

It reads what a throw-away key signed and asks anew what the issuing code believes to have
answered: a certificate that some verifier refuses is then an error on the day it is asked for,
and not a client before a closed door. Nothing here is shared with the code that it judges but
the profiles, which say what was wanted.
"""

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.oid import ExtensionOID as Oid
from cryptography.x509.oid import SignatureAlgorithmOID as Signature

from deployer.pki.authority import Authority
from deployer.pki.general_names import flaw, shown
from deployer.pki.keys import weakness
from deployer.pki.limits import Finding, Limits, limits_of
from deployer.pki.material import Problem, title
from deployer.pki.profiles import AuthorityProfile, LeafProfile

LONGEST_SERIAL = 159  # bits: 20 octets and a sign bit that is never set, RFC 5280 section 4.1.2.2

_SIGNATURES = frozenset(
    {
        Signature.ECDSA_WITH_SHA256,
        Signature.ECDSA_WITH_SHA384,
        Signature.ECDSA_WITH_SHA512,
        Signature.RSA_WITH_SHA256,
        Signature.RSA_WITH_SHA384,
        Signature.RSA_WITH_SHA512,
        Signature.ED25519,
    }
)
_PURPOSES = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH})
_NAMES = Oid.SUBJECT_ALTERNATIVE_NAME
# Whether each extension is critical: RFC 5280 sections 4.2.1 and 4.2.2.
_CRITICAL: dict[x509.ObjectIdentifier, bool] = {
    Oid.BASIC_CONSTRAINTS: True,
    Oid.KEY_USAGE: True,
    Oid.NAME_CONSTRAINTS: True,
    Oid.EXTENDED_KEY_USAGE: False,
    Oid.SUBJECT_KEY_IDENTIFIER: False,
    Oid.AUTHORITY_KEY_IDENTIFIER: False,
    _NAMES: False,
}
# Upper bounds of RFC 5280 appendix A.1.
_LONGEST = {
    NameOID.COMMON_NAME: 64,
    NameOID.ORGANIZATION_NAME: 64,
    NameOID.ORGANIZATIONAL_UNIT_NAME: 64,
    NameOID.SERIAL_NUMBER: 64,
    NameOID.LOCALITY_NAME: 128,
    NameOID.STATE_OR_PROVINCE_NAME: 128,
    NameOID.EMAIL_ADDRESS: 255,
    NameOID.COUNTRY_NAME: 2,
}
_LONGEST_OTHER = 64
_RIGHTS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def lint(
    certificate: x509.Certificate,
    *,
    profile: AuthorityProfile | LeafProfile,
    issuer: Authority | None,
) -> tuple[Problem, ...]:
    """
    List what is wrong with a certificate of a profile; `issuer` is None for a root.

    The signature itself is not looked at: it is not the issuer's yet.
    """
    above = None if issuer is None else limits_of(issuer)
    try:
        found = list(_findings(certificate, profile, above))
        subject = title(certificate) if found else ""
    except (ValueError, TypeError, x509.DuplicateExtension) as error:
        subject, found = "a certificate", [(f"it cannot be read: {error}", "")]
    return tuple(Problem(subject=subject, message=text, hint=hint) for text, hint in found)


def _findings(
    certificate: x509.Certificate, profile: AuthorityProfile | LeafProfile, above: Limits | None
) -> Iterator[Finding]:
    extensions = {one.oid: one for one in certificate.extensions}
    values = {oid: one.value for oid, one in extensions.items()}
    yield from _frame(certificate)
    yield from _validity(certificate, above)
    yield from _subject(certificate.subject)
    alone = not certificate.subject.rdns
    for one in extensions.values():
        yield from _form(one, alone=alone)
    yield from _identifiers(certificate, values, above)
    yield from _usage(certificate, values, profile)
    if isinstance(profile, LeafProfile):
        yield from _alternative_names(values.get(_NAMES))
    elif alone or _NAMES in values:
        yield "an authority is known by its subject", ""
    if above is not None:
        yield from above.findings(certificate, values, profile)


def _frame(certificate: x509.Certificate) -> Iterator[Finding]:
    serial = certificate.serial_number
    if certificate.version is not x509.Version.v3:
        yield "it is not of version 3", ""
    if serial <= 0 or serial.bit_length() > LONGEST_SERIAL:
        yield f"its serial number {serial:x} is not positive and of 159 bits at most", ""
    if certificate.signature_algorithm_oid not in _SIGNATURES:
        yield "it is signed with an algorithm that verifiers refuse", ""
    if weak := weakness(certificate.public_key()):
        yield weak, "make another key"


def _validity(certificate: x509.Certificate, above: Limits | None) -> Iterator[Finding]:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if start >= end:
        yield "it ends before it begins", ""
    if above is None:
        return
    issuer = above.certificate
    if start < issuer.not_valid_before_utc or end > issuer.not_valid_after_utc:
        yield f"it is valid at a time when {title(issuer)} is not", ""


def _subject(subject: x509.Name) -> Iterator[Finding]:
    for attribute in subject:
        text = attribute.value
        longest = _LONGEST.get(attribute.oid, _LONGEST_OTHER)
        if not isinstance(text, str) or not 0 < len(text) <= longest:
            yield f"{attribute.rfc4514_attribute_name} is not of 1 to {longest} characters", ""
        elif not text.isprintable():
            yield f"{attribute.rfc4514_attribute_name} {text!r} cannot be printed", ""


def _form(extension: x509.Extension[x509.ExtensionType], *, alone: bool) -> Iterator[Finding]:
    if extension.oid not in _CRITICAL:
        yield f"it has an extension {extension.oid.dotted_string} that nobody asked for", ""
        return
    # Alternative names are critical where they are the only ones: section 4.2.1.6.
    critical = alone if extension.oid == _NAMES else _CRITICAL[extension.oid]
    if extension.critical is not critical:
        name = type(extension.value).__name__
        yield f"its {name} should {'' if critical else 'not '}be critical", ""


def _identifiers(
    certificate: x509.Certificate,
    values: dict[x509.ObjectIdentifier, x509.ExtensionType],
    above: Limits | None,
) -> Iterator[Finding]:
    own = values.get(Oid.SUBJECT_KEY_IDENTIFIER)
    key = certificate.public_key()
    if own is None:
        yield "it has no SubjectKeyIdentifier", ""
    # Any other digest would do as well for verifiers; this is the one that we promise.
    elif own != x509.SubjectKeyIdentifier.from_public_key(key):
        yield "its SubjectKeyIdentifier is not that of its key", ""
    issuer = values.get(Oid.AUTHORITY_KEY_IDENTIFIER)
    if above is None:
        if certificate.issuer.public_bytes() != certificate.subject.public_bytes():
            yield "it is a root that names another issuer", ""
        return
    if certificate.issuer.public_bytes() != above.name:
        yield f"its issuer is not spelled as {title(above.certificate)} spells itself", ""
    if not isinstance(issuer, x509.AuthorityKeyIdentifier):
        yield "it has no AuthorityKeyIdentifier", ""
    elif issuer.authority_cert_issuer or issuer.authority_cert_serial_number is not None:
        yield "it names its issuer by serial number, which breaks when that is renewed", ""
    elif issuer.key_identifier != above.key_identifier:
        yield "its AuthorityKeyIdentifier is not that of its issuer", ""


def _usage(
    certificate: x509.Certificate,
    values: dict[x509.ObjectIdentifier, x509.ExtensionType],
    profile: AuthorityProfile | LeafProfile,
) -> Iterator[Finding]:
    authority = isinstance(profile, AuthorityProfile)
    length = profile.path_length if isinstance(profile, AuthorityProfile) else None
    wanted = x509.BasicConstraints(ca=authority, path_length=length)
    if values.get(Oid.BASIC_CONSTRAINTS) != wanted:
        depth = "no path length" if length is None else f"a path length of {length}"
        kind = f"an authority with {depth}" if authority else "no authority"
        yield f"its BasicConstraints do not say that it is {kind}", ""
    usage = values.get(Oid.KEY_USAGE)
    rights = _rights(certificate.public_key(), authority=authority)
    if {right for right in _RIGHTS if getattr(usage, right, False)} != rights:
        yield f"its KeyUsage is not {' and '.join(sorted(rights))}", ""
    purposes = values.get(Oid.EXTENDED_KEY_USAGE)
    found = list(purposes) if isinstance(purposes, x509.ExtendedKeyUsage) else []
    if found != ([] if profile.purpose is None else [profile.purpose]):
        yield "its ExtendedKeyUsage is not the one of its profile", ""
    if not _PURPOSES.issuperset(found):
        yield "its ExtendedKeyUsage is neither serverAuth nor clientAuth", ""
    if Oid.NAME_CONSTRAINTS in values and not authority:
        yield "its NameConstraints constrain nothing", ""


def _rights(key: PublicKeyTypes, *, authority: bool) -> set[str]:
    """Say what a key should do: RFC 5280 section 4.2.1.3, RFC 8813 and RFC 8410."""
    if authority:
        return {"key_cert_sign", "crl_sign"}
    exchanges = {"key_encipherment"} if isinstance(key, rsa.RSAPublicKey) else set()
    return {"digital_signature"} | exchanges


def _alternative_names(value: x509.ExtensionType | None) -> Iterator[Finding]:
    names = list(value) if isinstance(value, x509.SubjectAlternativeName) else []
    if not names:
        yield "it has no alternative name", "add --dns, --email or another"
    for name in names:
        if why := flaw(name):
            yield f"its alternative name {shown(name)} {why}", ""
