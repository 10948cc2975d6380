"""
The chain of events: what happened, each entry sealed to the one before.

An event's hash covers its own content and the hash of the event before it. So nothing in the
middle can be changed, taken out or put in without rewriting all that follows, and whoever noted
a head earlier notices that as well.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection

from deployer.store import rows, schema

GENESIS = "0" * 64
"""What stands for the event before the first."""


class Kind(StrEnum):
    """What can happen."""

    AUTHORITY_MADE = "authority made"
    AUTHORITY_IMPORTED = "authority imported"
    AUTHORITY_PREPARED = "authority prepared"
    AUTHORITY_ACTIVATED = "authority activated"
    AUTHORITY_RETIRING = "authority retiring"
    AUTHORITY_RETIRED = "authority retired"
    AUTHORITY_CARRIED_OVER = "authority carried over"
    KEY_EXPORTED = "key exported"
    PASSPHRASE_CHANGED = "passphrase changed"  # noqa: S105
    CERTIFICATES_INTENDED = "certificates intended"
    CERTIFICATE_ISSUED = "certificate issued"
    CERTIFICATE_ABANDONED = "certificate abandoned"
    CERTIFICATE_REVOKED = "certificate revoked"
    CERTIFICATE_FOUND = "certificate found"
    REVOCATION_FOUND = "revocation found"
    CERTIFICATE_CARRIED_OVER = "certificate carried over"
    CRLS_PUBLISHED = "crls published"
    CRLS_DROPPED = "crls dropped"
    CRLS_CARRIED_OVER = "crls carried over"
    RELEASE_DEPLOYED = "release deployed"
    STATE_RESTORED = "state restored"
    STATE_MIGRATED = "state migrated"


class Link(NamedTuple):
    """A row of `events`, column for column."""

    id: int
    at: str
    kind: str
    facts: str
    hash: str


def forge(previous: Link | None, kind: str, facts: Mapping[str, str], *, at: str) -> Link:
    """Make the event that follows another, or the first."""
    number = 1 if previous is None else previous.id + 1
    text = rows.encode(facts)
    before = GENESIS if previous is None else previous.hash
    return Link(number, at, kind, text, seal(before, number, at, kind, text))


def seal(before: str, number: int, at: str, kind: str, facts: str) -> str:
    """Compute the hash of an event from its content and the hash before it."""
    return rows.sha256(rows.encode([before, number, at, kind, facts]).encode())


def append(
    connection: Connection,
    happenings: Iterable[tuple[Kind, Mapping[str, str]]],
    *,
    at: datetime,
) -> None:
    """Write events in the transaction of what they report."""
    statement = "SELECT * FROM events ORDER BY id DESC LIMIT 1"
    found = connection.exec_driver_sql(statement).one_or_none()
    last = None if found is None else Link._make(found)
    time = schema.moment(at)
    links = []
    for kind, facts in happenings:
        last = forge(last, kind, facts, at=time)
        links.append(last)
    rows.write(connection, schema.events, links)


def record(connection: Connection, kind: Kind, *, at: datetime, **facts: str) -> None:
    """Write one event in the transaction of what it reports."""
    append(connection, [(kind, facts)], at=at)
