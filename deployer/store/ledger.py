"""
How a certificate gets on record: an intent, then its result, each in a transaction of its own.

A serial number is written before it is used, so that it is never used twice, whatever dies in
between.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, bindparam, insert, select, update

from deployer.pki.authority import Authority
from deployer.pki.issue import BACKDATE
from deployer.store import authorities, events, schema
from deployer.store.records import CertificateRequest

# What becomes of a signature that its maker did not live to record.
_ORPHAN = x509.ReasonFlags.cessation_of_operation


def add_authority(connection: Connection, authority: Authority, *, now: datetime) -> None:
    """Record the certificate of an authority itself, issued by the one above or by itself."""
    certificate = authority.certificate
    issuer = authority.chain[0] if authority.chain else certificate
    row = {
        "serial": certificate.serial_number,
        "authority_id": authorities.id_of(connection, issuer),
        "kind": "authority",
        "subject": certificate.subject.rfc4514_string(),
        "host": "",
        "name": authority.name,
        "status": "issued",
        "certificate": certificate.public_bytes(Encoding.DER),
        "key_sha256": "",
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "created_at": now,
    }
    connection.execute(insert(schema.certificates), row)


def intend(
    connection: Connection,
    planned: Iterable[tuple[int, CertificateRequest]],
    authority: Authority,
    *,
    now: datetime,
) -> None:
    """Write what is about to be signed."""
    authority_id = authorities.id_of(connection, authority.certificate)
    rows = [
        {
            "serial": serial,
            "authority_id": authority_id,
            "kind": request.leaf.profile.kind,
            "subject": request.leaf.common_name,
            "host": request.host,
            "name": request.name,
            "status": "intended",
            "key_sha256": request.key_sha256,
            "not_before": now - BACKDATE,
            "not_after": now + request.leaf.asked_lifetime,
            "created_at": now,
        }
        for serial, request in planned
    ]
    connection.execute(insert(schema.certificates), rows)


def conclude(connection: Connection, leaves: Sequence[x509.Certificate], *, at: datetime) -> None:
    """Write what was signed; only now may it be handed out."""
    table = schema.certificates
    statement = update(table).where(table.c.serial == bindparam("of", type_=table.c.serial.type))
    rows = [
        {
            "of": leaf.serial_number,
            "status": "issued",
            "certificate": leaf.public_bytes(Encoding.DER),
            "not_before": leaf.not_valid_before_utc,
            "not_after": leaf.not_valid_after_utc,
        }
        for leaf in leaves
    ]
    connection.execute(statement, rows)
    happenings = [{"serial": f"{leaf.serial_number:x}"} for leaf in leaves]
    events.record_all(connection, "certificate issued", happenings, at=at)


def abandon(connection: Connection, serials: Sequence[int], *, at: datetime) -> None:
    """Close intents that came to nothing."""
    table = schema.certificates
    open_ones = table.c.serial.in_(serials) & (table.c.status == "intended")
    connection.execute(update(table).where(open_ones).values(status="abandoned"))
    happenings = [{"serial": f"{serial:x}"} for serial in serials]
    events.record_all(connection, "certificate abandoned", happenings, at=at)


def has_orphans(connection: Connection) -> bool:
    """Say whether some intent has no result: unfinished by the living, or by the dead."""
    table = schema.certificates
    query = select(table.c.id).where(table.c.status == "intended").limit(1)
    return connection.execute(query).one_or_none() is not None


def close_orphans(connection: Connection, *, at: datetime) -> None:
    """
    Close every intent that has no result. Whoever calls holds the lock, so their maker is dead.

    Nobody got a certificate, but one may have been signed, so its serial is revoked as well.
    """
    table = schema.certificates
    intended = select(table.c.serial).where(table.c.status == "intended")
    serials = connection.execute(intended).scalars().all()
    abandon(connection, serials, at=at)
    orphans = table.c.serial.in_(serials)
    values = {"revoked_at": at, "reason": _ORPHAN.value}
    connection.execute(update(table).where(orphans).values(values))
