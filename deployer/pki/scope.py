"""What revocation lists speak for: whose they are, and whom they leave out."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

# What OpenSSL 3.0 handles in a list where it is critical (`crl_cb` in x_crl.c).
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.DELTA_CRL_INDICATOR,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
    }
)


def distinct(
    crls: Iterable[x509.CertificateRevocationList],
) -> tuple[x509.CertificateRevocationList, ...]:
    """Take each list once: a renewed authority has those of its former self."""
    return tuple({crl.public_bytes(Encoding.DER): crl for crl in crls}.values())


def is_signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    """Say whether an authority's key really signed a list."""
    if crl.issuer != authority.subject:
        return False
    try:
        # Keys that sign nothing are not in the stub's union; they raise TypeError.
        return crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def is_partial(crl: x509.CertificateRevocationList) -> bool:
    """
    Say whether it leaves clients out, or speaks for others as well (RFC 5280 section 5.2.5).

    One with a distribution point's name is good for certificates that have the same name in
    them; to OpenSSL the others have no list (`X509_V_ERR_DIFFERENT_CRL_SCOPE`), and which they
    are nobody knows before they come.
    """
    point = scope(crl)
    return point is not None and bool(
        point.indirect_crl
        or point.only_some_reasons
        or point.only_contains_attribute_certs
        or point.full_name
        or point.relative_name
    )


def scope(crl: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    """Read what a list says of its scope; None for one that is of everybody."""
    try:
        return crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None


def is_delta(crl: x509.CertificateRevocationList) -> bool:
    """Say whether it has only what changed since another."""
    try:
        crl.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    except x509.ExtensionNotFound:
        return False
    return True


def not_understood(crl: x509.CertificateRevocationList) -> tuple[str, ...]:
    """List the critical extensions for which OpenSSL puts a list aside."""
    return tuple(
        one.oid.dotted_string
        for one in crl.extensions
        if one.critical and one.oid not in _UNDERSTOOD
    )
