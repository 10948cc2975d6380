"""
What was signed with our authorities' keys, and not by this state.

A state that comes from a backup has forgotten the days after it; the authority that is imported
was somebody's before. What is found of that goes on the books as far as it is known.
"""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import Connection

from deployer.errors import DeployerError
from deployer.pki.authority import Authority
from deployer.pki.crl import CRL
from deployer.pki.material import is_authority, is_issued_by
from deployer.store import ledger, register, rows, schema
from deployer.store.chain import Kind
from deployer.store.crls import Published
from deployer.store.records import Kind as CertificateKind
from deployer.store.rows import CertificateRow

_LARGEST = 2**62  # SQLite's integers, with room to count on


class NotOurs(DeployerError):
    """A certificate or a list that the authority did not sign, or not as a whole list."""


def record_found(
    connection: Connection, certificate: x509.Certificate, authority: Authority, *, now: datetime
) -> None:
    """Record a certificate that an authority signed, unless its serial number is on record."""
    whose = register.owner(authority)
    serial = f"{certificate.serial_number:x}"
    if not is_issued_by(certificate, authority.certificate):
        raise NotOurs(f"{whose} did not sign the certificate {serial}", hint="deployer ca show")
    authority_id = register.id_of(connection, authority.certificate)
    if _known(connection, serial, authority_id) is not None:
        return
    kind = _kind(certificate)
    name = _name(certificate)
    row = CertificateRow(
        id=rows.next_id(connection, schema.certificates),
        serial=serial,
        authority_id=authority_id,
        kind=kind,
        subject=certificate.subject.rfc4514_string() if kind == "authority" else name,
        host="",
        name=name,
        status="issued",
        certificate=certificate.public_bytes(Encoding.DER),
        key_sha256="",
        not_before=schema.moment(certificate.not_valid_before_utc),
        not_after=schema.moment(certificate.not_valid_after_utc),
        created_at=schema.moment(now),
        revoked_at=None,
        reason=None,
    )
    rows.write(connection, schema.certificates, [row])
    ledger.note(connection, [row], Kind.CERTIFICATE_FOUND, at=now)


def import_revocations(
    connection: Connection, found: CRL, authority: Authority, *, now: datetime
) -> int:
    """Put on record whom a list of an authority refuses, and say how many are new."""
    _check_list(found, authority)
    authority_id = register.id_of(connection, authority.certificate)
    own = authority.certificate
    changed: list[CertificateRow] = []
    added: list[CertificateRow] = []
    first = rows.next_id(connection, schema.certificates)
    for entry in found:
        serial = f"{entry.serial_number:x}"
        at, why = schema.moment(entry.revocation_date_utc), _reason(entry).value
        known = _known(connection, serial, authority_id)
        if known is None:
            row = CertificateRow(
                id=first + len(added),
                serial=serial,
                authority_id=authority_id,
                kind="unknown",
                subject="",
                host="",
                name="",
                status="foreign",
                certificate=None,
                key_sha256="",
                # Its times are not on a list. No certificate counts for longer than its issuer.
                not_before=schema.moment(own.not_valid_before_utc),
                not_after=schema.moment(own.not_valid_after_utc),
                created_at=schema.moment(now),
                revoked_at=at,
                reason=why,
            )
            added.append(row)
        elif known.revoked_at is None:
            changed.append(known._replace(revoked_at=at, reason=why))
    rows.write(connection, schema.certificates, added)
    ledger.note(connection, added, Kind.REVOCATION_FOUND, at=now)
    ledger.write_revocations(connection, changed, Kind.REVOCATION_FOUND, at=now)
    return len(added) + len(changed)


def published(found: CRL) -> Published:
    """Say what a list that comes after this one must be later than."""
    try:
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:  # one of version 1
        number = 0
    if number >= _LARGEST:
        raise NotOurs(
            f"the list has the number {number}, and no list after it could be counted here",
            hint="found a new CA: deployer ca init",
        )
    return Published(number=number, this_update=found.last_update_utc)


def _check_list(found: CRL, authority: Authority) -> None:
    whose = register.owner(authority)
    certificate = authority.certificate
    key = certificate.public_key()
    # Keys that sign nothing are not in the stub's union, and no authority has one.
    if found.issuer != certificate.subject or not found.is_signature_valid(key):  # type: ignore[arg-type]
        raise NotOurs(f"{whose} did not sign the list", hint="give the authority's own CRL")
    partial = {x509.DeltaCRLIndicator.oid, x509.IssuingDistributionPoint.oid}
    if any(extension.oid in partial for extension in found.extensions):
        raise NotOurs(
            "the list is a delta or for some certificates only", hint="give the complete CRL"
        )
    if any(_reason(entry) is x509.ReasonFlags.remove_from_crl for entry in found):
        raise NotOurs("the list takes revocations back (removeFromCRL)", hint="give a complete CRL")


def _known(connection: Connection, serial: str, authority_id: int) -> CertificateRow | None:
    found = ledger.read(connection, "serial = ?", serial)
    if found and found[0].authority_id != authority_id:
        whose = register.read(connection, found[0].authority_id).owner
        raise NotOurs(
            f"the serial number {serial} is on record as one of {whose}",
            hint=f"deployer cert show {serial}",
        )
    return found[0] if found else None


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return x509.ReasonFlags.unspecified


def _kind(certificate: x509.Certificate) -> CertificateKind:
    if is_authority(certificate):
        return "authority"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return "unknown"
    if ExtendedKeyUsageOID.SERVER_AUTH in usage:
        return "server"
    return "client" if ExtendedKeyUsageOID.CLIENT_AUTH in usage else "unknown"


def _name(certificate: x509.Certificate) -> str:
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        return str(attribute.value)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return certificate.subject.rfc4514_string()
    return next((str(getattr(name, "value", name)) for name in names), "")
