"""
The revocation lists of a state database.

A list is written before it leaves, in the transaction that gave it its number. The newest ladder
of an authority is the only one that counts.
"""

import time
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, func, select

from deployer.errors import DeployerError
from deployer.pki import crl
from deployer.pki.authority import Authority, AuthorityState, Signer
from deployer.pki.crl import CRL
from deployer.pki.renewal import are_crls_due
from deployer.store import chain, register, rows, schema
from deployer.store.authorities import Authorities
from deployer.store.chain import Kind
from deployer.store.database import Database
from deployer.store.rows import CrlRow

_SECOND = timedelta(seconds=1)
_PATIENCE = timedelta(seconds=5)
_KEPT = 2  # ladders of each authority that stay whole


class Published(NamedTuple):
    """What makes one list newer than another."""

    number: int
    this_update: datetime


class CannotPublish(DeployerError):
    """An authority whose lists would not count."""


def may_publish(authority: Authority) -> bool:
    """Say whether the lists that an authority signs count (RFC 5280 section 6.3.3, step f)."""
    try:
        usage = authority.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.crl_sign


def publish(
    connection: Connection, signer: Signer, *, now: datetime, after: Published | None = None
) -> tuple[CRL, ...]:
    """
    Sign and write a new ladder, in the transaction of what made it necessary.

    `after` is one that another program published: the new one is later than that as well.
    """
    authority_id = register.id_of(connection, signer.authority.certificate)
    _check_right(connection, signer.authority, authority_id)
    number = _next_number(connection, authority_id, now)
    previous = _previous_this_update(connection, authority_id, now)
    if after is not None:
        number = max(number, after.number + 1)
        previous = max(after.this_update, previous or after.this_update)
    rungs = crl.ladder(
        signer,
        _revocations(connection, authority_id),
        first_number=number,
        now=_awaited(now, previous),
        previous_this_update=previous,
    )
    first_id = rows.next_id(connection, schema.crls)
    written = [
        CrlRow(
            id=first_id + rung,
            authority_id=authority_id,
            number=number + rung,
            ladder=number,
            this_update=schema.moment(one.last_update_utc),
            next_update=schema.moment(one.next_update_utc or one.last_update_utc),
            crl=one.public_bytes(Encoding.DER),
        )
        for rung, one in enumerate(rungs)
    ]
    rows.write(connection, schema.crls, written)
    facts = rows.ladder_facts(written, register.owner(signer.authority))
    dropped = _drop_superseded(connection, authority_id, register.owner(signer.authority))
    chain.append(connection, [(Kind.CRLS_PUBLISHED, facts), *dropped], at=now)
    return rungs


def _awaited(now: datetime, previous: datetime | None) -> datetime:
    """
    Let the second begin for which the next list is.

    Two lists in one second are usual, and an hour of backdating makes room for them. But after a
    restore, or beside a rung that has just begun, that hour may hold lists already, and the next
    free second is the next one. A clock that is wrong by more than seconds is not waited for.
    """
    if previous is None:
        return now
    wait = previous + _SECOND - now
    if not timedelta(0) < wait <= _PATIENCE:
        return now
    time.sleep(wait.total_seconds())
    return now + wait


def _drop_superseded(
    connection: Connection, authority_id: int, owner: str
) -> list[tuple[Kind, dict[str, str]]]:
    """
    Empty the ladders before the newest two: nobody asks for them, and they are megabytes each.

    Their numbers and times stay, and so does what the journal says of them.
    """
    whole = (
        "authority_id = ?1 AND crl IS NOT NULL AND ladder NOT IN"
        " (SELECT DISTINCT ladder FROM crls WHERE authority_id = ?1 ORDER BY ladder DESC LIMIT ?2)"
    )
    # As they will be: what goes is not read.
    columns = "id, authority_id, number, ladder, this_update, next_update, NULL"
    statement = f"SELECT {columns} FROM crls WHERE {whole} ORDER BY id"  # noqa: S608
    found = connection.exec_driver_sql(statement, (authority_id, _KEPT))
    old = [CrlRow._make(row) for row in found]
    if old:
        statement = "UPDATE crls SET crl = NULL WHERE id = ?"
        connection.exec_driver_sql(statement, [(row.id,) for row in old])
    return [
        (Kind.CRLS_DROPPED, rows.ladder_facts(list(rungs), owner))
        for _, rungs in groupby(old, lambda row: row.ladder)
    ]


class Crls:
    """Who may not get in any more."""

    def __init__(self, database: Database, authorities: Authorities) -> None:
        self._database = database
        self._authorities = authorities

    def publish(self, signer: Signer, *, now: datetime) -> tuple[CRL, ...]:
        """Replace the ladder of an authority."""
        with self._database.writer() as writer, writer.transaction() as connection:
            return publish(connection, signer, now=now)

    def current(self, authority: Authority) -> tuple[CRL, ...]:
        """Read the ladder of one authority, the first rung first."""

        def read(connection: Connection) -> tuple[CRL, ...]:
            return _ladder(connection, register.id_of(connection, authority.certificate))

        return self._database.remembered(("ladder", authority.certificate), read)

    def due(self, now: datetime) -> tuple[Authority, ...]:
        """
        Name the authorities that hosts trust and whose lists should be signed anew.

        Half of the time that they cover is over, or they come from a backup: hosts may have newer
        ones, which a backup cannot know.
        """
        with self._database.reading() as connection:
            return tuple(
                authority
                for row in register.everyone(connection)
                if AuthorityState(row.state).is_trusted
                and may_publish(authority := self._authorities.get(connection, row.id))
                and _is_due(connection, row.id, now)
            )

    def forgotten(self, authority: Authority) -> bool:
        """Say whether a state from before may not know the newest list of an authority."""
        with self._database.reading() as connection:
            authority_id = register.id_of(connection, authority.certificate)
            return _is_older_than_its_floor(connection, authority_id)


def _is_due(connection: Connection, authority_id: int, now: datetime) -> bool:
    lists = _ladder(connection, authority_id)
    return (
        not lists or are_crls_due(lists, now) or _is_older_than_its_floor(connection, authority_id)
    )


def _is_older_than_its_floor(connection: Connection, authority_id: int) -> bool:
    floor = _floor(connection, authority_id)
    lists = _ladder(connection, authority_id)
    return floor is not None and bool(lists) and lists[0].last_update_utc < floor


def _check_right(connection: Connection, authority: Authority, authority_id: int) -> None:
    owner = register.owner(authority)
    if register.read(connection, authority_id).state == AuthorityState.RETIRED:
        raise CannotPublish(
            f"{owner} is retired: no host trusts it, and it signs no more CRLs",
            hint="deployer ca show",
        )
    if not may_publish(authority):
        raise CannotPublish(
            f"{owner} may not sign CRLs: its certificate lacks the key usage cRLSign",
            hint="nothing that it issued can be revoked; replace the authority to keep someone out",
        )


def _ladder(connection: Connection, authority_id: int) -> tuple[CRL, ...]:
    table = schema.crls
    mine = table.c.authority_id == authority_id
    newest = select(func.max(table.c.ladder)).where(mine).scalar_subquery()
    query = select(table.c.crl).where(mine, table.c.ladder == newest).order_by(table.c.number)
    return tuple(x509.load_der_x509_crl(der) for der in connection.execute(query).scalars())


def _next_number(connection: Connection, authority_id: int, now: datetime) -> int:
    """
    Choose the number of the next list: the time in milliseconds, or one more than the last.

    A count would begin again where a restored backup, or another program that had the authority
    before, left off. The time does not: whatever was published elsewhere was published earlier.
    """
    mine = schema.crls.c.authority_id == authority_id
    last = connection.execute(select(func.max(schema.crls.c.number)).where(mine)).scalar_one()
    return max((last or 0) + 1, int(now.timestamp() * 1000))


def _previous_this_update(
    connection: Connection, authority_id: int, now: datetime
) -> datetime | None:
    """
    Find the time that the next list must be later than.

    That of whatever a host may now take for the newest: any rung that has begun, and the first
    of the newest ladder even if the clock says that it has not. And of what the state forgot.
    """
    table = schema.crls
    mine = table.c.authority_id == authority_id
    newest = select(func.max(table.c.ladder)).where(mine).scalar_subquery()
    query = select(table.c.this_update).where(
        mine, (table.c.this_update <= now) | (table.c.number == newest)
    )
    found = connection.execute(query.order_by(table.c.this_update.desc()).limit(1))
    known = [found.scalar_one_or_none()]
    if floor := _floor(connection, authority_id):
        known.append(floor - _SECOND)
    return max((one for one in known if one is not None), default=None)


def _floor(connection: Connection, authority_id: int) -> datetime | None:
    """
    Find the time before which lists may have been published that this state knows nothing of.

    When it was restored from a backup, or when the authority was imported. Whatever list a host
    holds from before, none that has begun is later than that.
    """
    row = register.read(connection, authority_id)
    statement = "SELECT max(at) FROM events WHERE kind = 'state restored'"
    times = [connection.exec_driver_sql(statement).scalar_one()]
    if row.origin == "imported":
        times.append(row.created_at)
    return max((datetime.fromisoformat(one) for one in times if one is not None), default=None)


def _revocations(connection: Connection, authority_id: int) -> list[crl.Revocation]:
    statement = (
        "SELECT serial, revoked_at, not_after, reason FROM certificates"
        " WHERE authority_id = ? AND revoked_at IS NOT NULL ORDER BY id"
    )
    # Of thousands many have one day and one reason in common.
    moment, why = cache(datetime.fromisoformat), cache(x509.ReasonFlags)
    make = crl.Revocation._make
    # Past SQLAlchemy, whose rows cost more than SQLite's reading of them.
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, (authority_id,))
        return [
            make((int(serial, 16), moment(revoked_at), moment(expires), why(reason)))
            for serial, revoked_at, expires, reason in cursor.fetchall()
        ]
    finally:
        cursor.close()
