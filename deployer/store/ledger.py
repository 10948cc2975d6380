"""
How a certificate gets on record: an intent, then its result, each in a transaction of its own.

A serial number is written before it is used, so that it is never used twice, whatever dies in
between.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from deployer.pki.authority import Authority
from deployer.pki.issue import BACKDATE
from deployer.store import chain, register, rows, schema
from deployer.store.chain import Kind
from deployer.store.records import CertificateRequest
from deployer.store.rows import CertificateRow

# What becomes of a signature that its maker did not live to record.
_ORPHAN = x509.ReasonFlags.cessation_of_operation


def add_authority(connection: Connection, authority: Authority, *, now: datetime) -> None:
    """Record the certificate of an authority itself, issued by the one above or by itself."""
    certificate = authority.certificate
    issuer = authority.chain[0] if authority.chain else certificate
    row = CertificateRow(
        id=rows.next_id(connection, schema.certificates),
        serial=f"{certificate.serial_number:x}",
        authority_id=register.id_of(connection, issuer),
        kind="authority",
        subject=certificate.subject.rfc4514_string(),
        host="",
        name=authority.name,
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
    note(connection, [row], Kind.CERTIFICATE_ISSUED, at=now)


def intend(
    connection: Connection,
    planned: Sequence[tuple[int, CertificateRequest]],
    authority: Authority,
    *,
    now: datetime,
) -> list[CertificateRow]:
    """Write what is about to be signed."""
    authority_id = register.id_of(connection, authority.certificate)
    register.check_issues(connection, authority_id)
    first = rows.next_id(connection, schema.certificates)
    begin, at = schema.moment(now - BACKDATE), schema.moment(now)
    intents = [
        CertificateRow(
            id=number,
            serial=f"{serial:x}",
            authority_id=authority_id,
            kind=request.leaf.profile.kind,
            subject=request.leaf.common_name,
            host=request.host,
            name=request.name,
            status="intended",
            certificate=None,
            key_sha256=request.key_sha256,
            not_before=begin,
            not_after=schema.moment(now + request.leaf.asked_lifetime),
            created_at=at,
            revoked_at=None,
            reason=None,
        )
        for number, (serial, request) in enumerate(planned, start=first)
    ]
    rows.write(connection, schema.certificates, intents)
    serials = " ".join(intent.serial for intent in intents)
    whose = register.owner(authority)
    chain.record(connection, Kind.CERTIFICATES_INTENDED, at=now, authority=whose, serials=serials)
    return intents


def conclude(
    connection: Connection,
    intents: Sequence[CertificateRow],
    leaves: Sequence[x509.Certificate],
    *,
    at: datetime,
) -> None:
    """Write what was signed; only now may it be handed out."""
    results = [
        intent._replace(
            status="issued",
            certificate=leaf.public_bytes(Encoding.DER),
            not_before=schema.moment(leaf.not_valid_before_utc),
            not_after=schema.moment(leaf.not_valid_after_utc),
        )
        for intent, leaf in zip(intents, leaves, strict=True)
    ]
    connection.exec_driver_sql(
        "UPDATE certificates SET status = ?, certificate = ?, not_before = ?, not_after = ?"
        " WHERE id = ?",
        [(row.status, row.certificate, row.not_before, row.not_after, row.id) for row in results],
    )
    note(connection, results, Kind.CERTIFICATE_ISSUED, at=at)


def abandon(
    connection: Connection, intents: Sequence[CertificateRow], *, at: datetime
) -> list[CertificateRow]:
    """Close intents that came to nothing: what was signed, if anything, is forgotten."""
    closed = [intent._replace(status="abandoned") for intent in intents]
    if closed:
        connection.exec_driver_sql(
            "UPDATE certificates SET status = 'abandoned' WHERE id = ?",
            [(row.id,) for row in closed],
        )
        note(connection, closed, Kind.CERTIFICATE_ABANDONED, at=at)
    return closed


def revoke(
    connection: Connection,
    certificates: Sequence[CertificateRow],
    reason: x509.ReasonFlags,
    *,
    at: datetime,
) -> None:
    """Write that certificates are no longer good; the time and reason that they have stand."""
    revoked = [
        row._replace(revoked_at=schema.moment(at), reason=reason.value)
        for row in certificates
        if row.revoked_at is None
    ]
    write_revocations(connection, revoked, Kind.CERTIFICATE_REVOKED, at=at)


def write_revocations(
    connection: Connection, revoked: Sequence[CertificateRow], kind: Kind, *, at: datetime
) -> None:
    """Write since when and why certificates that are on record are no longer good."""
    if revoked:
        connection.exec_driver_sql(
            "UPDATE certificates SET revoked_at = ?, reason = ? WHERE id = ?",
            [(row.revoked_at, row.reason, row.id) for row in revoked],
        )
        note(connection, revoked, kind, at=at)


def note(
    connection: Connection, certificates: Sequence[CertificateRow], kind: Kind, *, at: datetime
) -> None:
    """Say in the journal what happened to certificates, and what their rows are now."""
    owners = {row.id: row.owner for row in register.everyone(connection)}
    happenings = (
        (kind, rows.certificate_facts(row, owners[row.authority_id])) for row in certificates
    )
    chain.append(connection, happenings, at=at)


def has_orphans(connection: Connection) -> bool:
    """Say whether some intent has no result: unfinished by the living, or by the dead."""
    statement = "SELECT 1 FROM certificates WHERE status = 'intended' LIMIT 1"
    return connection.exec_driver_sql(statement).one_or_none() is not None


def close_orphans(connection: Connection, *, at: datetime) -> None:
    """
    Close every intent that has no result. Whoever calls holds the lock, so their maker is dead.

    Nobody got a certificate, but one may have been signed, so its serial is revoked as well.
    """
    orphans = abandon(connection, read(connection, "status = 'intended'"), at=at)
    revoke(connection, orphans, _ORPHAN, at=at)


def read(connection: Connection, where: str, *values: object) -> list[CertificateRow]:
    """Read rows as they are on the disk, oldest first."""
    found = rows.read(connection, schema.certificates, where, values)
    return [CertificateRow._make(row) for row in found]
