"""
The revocation lists of a state database.

A list is written before it leaves, in the transaction that gave it its number. The newest ladder
of an authority is the only one that counts.
"""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, func, insert, select

from deployer.pki import crl
from deployer.pki.authority import Authority, Signer
from deployer.pki.crl import CRL
from deployer.store import authorities, events, schema
from deployer.store.database import Database


def publish(connection: Connection, signer: Signer, *, now: datetime) -> tuple[CRL, ...]:
    """Sign and write a new ladder, in the transaction of what made it necessary."""
    table = schema.crls
    authority_id = authorities.id_of(connection, signer.authority.certificate)
    mine = table.c.authority_id == authority_id
    last = connection.execute(select(func.max(table.c.number)).where(mine)).scalar_one()
    number = (last or 0) + 1
    rungs = crl.ladder(
        signer,
        _revocations(connection, authority_id),
        first_number=number,
        now=now,
        previous_this_update=_previous_this_update(connection, authority_id, now),
    )
    connection.execute(
        insert(table),
        [
            {
                "authority_id": authority_id,
                "number": number + rung,
                "ladder": number,
                "this_update": one.last_update_utc,
                "next_update": one.next_update_utc,
                "crl": one.public_bytes(Encoding.DER),
            }
            for rung, one in enumerate(rungs)
        ],
    )
    name = authorities.owner(signer.authority)
    events.record(connection, "crls published", at=now, authority=name, number=str(number))
    return rungs


class Crls:
    """Who may not get in any more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, signer: Signer, *, now: datetime) -> tuple[CRL, ...]:
        """Replace the ladder of an authority."""
        with self._database.writer() as writer, writer.transaction() as connection:
            return publish(connection, signer, now=now)

    def current(self, authority: Authority) -> tuple[CRL, ...]:
        """Read the ladder of one authority, the first rung first."""
        with self._database.reading() as connection:
            return _ladder(connection, authority.certificate)


def _ladder(connection: Connection, certificate: x509.Certificate) -> tuple[CRL, ...]:
    table = schema.crls
    mine = table.c.authority_id == authorities.id_of(connection, certificate)
    newest = select(func.max(table.c.ladder)).where(mine).scalar_subquery()
    query = select(table.c.crl).where(mine, table.c.ladder == newest).order_by(table.c.number)
    return tuple(x509.load_der_x509_crl(der) for der in connection.execute(query).scalars())


def _previous_this_update(
    connection: Connection, authority_id: int, now: datetime
) -> datetime | None:
    """
    Find the time that the next list must be later than.

    That of whatever a host may now take for the newest: any rung that has begun, and the first
    of the newest ladder even if the clock says that it has not.
    """
    table = schema.crls
    mine = table.c.authority_id == authority_id
    newest = select(func.max(table.c.ladder)).where(mine).scalar_subquery()
    query = select(table.c.this_update).where(
        mine, (table.c.this_update <= now) | (table.c.number == newest)
    )
    times = connection.execute(query.order_by(table.c.this_update.desc()).limit(1))
    return times.scalar_one_or_none()


def _revocations(connection: Connection, authority_id: int) -> tuple[crl.Revocation, ...]:
    table = schema.certificates
    query = select(table).where(
        table.c.authority_id == authority_id, table.c.revoked_at.is_not(None)
    )
    return tuple(
        crl.Revocation(
            serial=row.serial,
            revoked_at=row.revoked_at,
            expires=row.not_after,
            reason=x509.ReasonFlags(row.reason),
        )
        for row in connection.execute(query.order_by(table.c.id))
    )
