"""
Certificates and lists made by hand, for what the product must never sign.

Everything is right unless a test asks for the one thing that is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployer.pki.authority import Signer
from deployer.pki.crl import CRL
from deployer.pki.keys import KeyType, PrivateKey, leaf_key_usage, signature_hash
from deployer.store.randomness import random_serial_number
from tests.conformance.today import DAY, FOUNDED, HOUR, NOW
from tests.pki.examples import key_of

CLIENT_AUTH = (ExtendedKeyUsageOID.CLIENT_AUTH,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A certificate and its key: an authority, or a leaf."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)

    @property
    def identifier(self) -> x509.SubjectKeyIdentifier:
        return self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


def party(signer: Signer) -> Party:
    """See one of the product's authorities as what it is: a certificate and a key."""
    return Party(certificate=signer.authority.certificate, key=signer.key)


def authority_usage(*, crl_sign: bool = True) -> x509.KeyUsage:
    """Say what an authority's key may do."""
    return x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=crl_sign,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def authority(
    name: str,
    issuer: Party | None = None,
    *,
    key: PrivateKey | None = None,
    path_length: int | None = None,
    crl_sign: bool = True,
    constraints: x509.NameConstraints | None = None,
    validity: tuple[datetime, datetime] = (FOUNDED, NOW + 1000 * DAY),
) -> Party:
    """Make a root, or an authority below one, with no purpose that binds it."""
    key = key or key_of(KeyType.P256, f"forged {name}")
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (authority_usage(crl_sign=crl_sign), True),
    ]
    if constraints is not None:
        extensions.append((constraints, True))
    return _sign(name, key, issuer, extensions, validity)


def leaf(
    name: str,
    issuer: Party,
    *,
    kind: KeyType = KeyType.P256,
    purposes: Sequence[x509.ObjectIdentifier] = CLIENT_AUTH,
    usage: x509.KeyUsage | None = None,
    names: Sequence[x509.GeneralName] = (),
    points: Sequence[x509.DistributionPoint] = (),
    issuer_and_serial: bool = False,
    validity: tuple[datetime, datetime] = (NOW - HOUR, NOW + 30 * DAY),
) -> Party:
    """Make a leaf, of a client unless something else is asked for."""
    key = key_of(kind, "client")  # the same that `worlds` certifies
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage or leaf_key_usage(key.public_key()), True),
    ]
    if purposes:
        extensions.append((x509.ExtendedKeyUsage(purposes), False))
    if names:
        extensions.append((x509.SubjectAlternativeName(names), False))
    if points:
        extensions.append((x509.CRLDistributionPoints(points), False))
    return _sign(name, key, issuer, extensions, validity, issuer_and_serial=issuer_and_serial)


def crl(
    issuer: Party,
    *revoked: Party,
    start: timedelta = -HOUR,
    end: timedelta = 7 * DAY,
    reason: x509.ReasonFlags | None = None,
    identifier: bool = True,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> CRL:
    """Make a list that is in force from `start` to `end`, seen from now."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(NOW + start)
        .next_update(NOW + end)
        .add_extension(x509.CRLNumber(7), critical=False)
    )
    if identifier:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer.identifier),
            critical=False,
        )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    for one in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(NOW - HOUR)
        )
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, signature_hash(issuer.key))


def common_name(name: str) -> x509.Name:
    """Make a subject."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _sign(
    name: str,
    key: PrivateKey,
    issuer: Party | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    validity: tuple[datetime, datetime],
    *,
    issuer_and_serial: bool = False,
) -> Party:
    public_key = key.public_key()
    signing = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name(name))
        .issuer_name(common_name(name) if issuer is None else issuer.certificate.subject)
        .public_key(public_key)
        .serial_number(random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    if issuer is not None:
        above = issuer.certificate
        identifier = x509.AuthorityKeyIdentifier(
            key_identifier=issuer.identifier.digest,
            authority_cert_issuer=(
                [x509.DirectoryName(above.issuer)] if issuer_and_serial else None
            ),
            authority_cert_serial_number=above.serial_number if issuer_and_serial else None,
        )
        builder = builder.add_extension(identifier, critical=False)
    return Party(certificate=builder.sign(signing, signature_hash(signing)), key=key)
