"""The tables of the state database."""

from datetime import UTC, datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

VERSION = 3
"""Kept in `PRAGMA user_version`; a program older than its database refuses to touch it."""
APPLICATION_ID = 0x6D544C53
"""Kept in `PRAGMA application_id`: says that a SQLite file is ours ("mTLS")."""


def moment(value: datetime) -> str:
    """Write a time; one without a zone is a bug."""
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Moment(TypeDecorator[datetime]):
    """A time in UTC, to the second, as text that sorts and that people can read."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> str | None:
        """Write a time."""
        return None if value is None else moment(value)

    def process_result_value(self, value: str | None, _: Dialect) -> datetime | None:
        """Read a time."""
        return None if value is None else datetime.fromisoformat(value)


class Serial(TypeDecorator[int]):
    """A serial number, too long for SQLite's integers, as lower-case hex."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, _: Dialect) -> str | None:
        """Write a serial number."""
        return None if value is None else f"{value:x}"

    def process_result_value(self, value: str | None, _: Dialect) -> int | None:
        """Read a serial number."""
        return None if value is None else int(value, 16)


metadata = MetaData()

authorities = Table(
    "authorities",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("issuer_id", ForeignKey("authorities.id")),
    Column("certificate", LargeBinary, nullable=False),
    Column("above", LargeBinary, nullable=False),  # foreign issuers of an imported one, as PEM
    Column("state", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("sealed_key", LargeBinary),  # none: it was exported
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("name", "generation"),
    CheckConstraint("state IN ('prepared', 'active', 'retiring', 'retired')"),
    CheckConstraint("origin IN ('made', 'imported')"),
    Index("authorities_active", "name", unique=True, sqlite_where=text("state = 'active'")),
)

# Every certificate ever signed, and every one that was about to be. No private key is here:
# `key_sha256` names the file on its host. A foreign one is known by its revocation alone.
certificates = Table(
    "certificates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("serial", Serial, nullable=False, unique=True),
    Column("authority_id", ForeignKey("authorities.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("certificate", LargeBinary),
    Column("key_sha256", Text, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("not_after", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("reason", Text),
    CheckConstraint("kind IN ('authority', 'server', 'client', 'unknown')"),
    CheckConstraint("status IN ('intended', 'issued', 'abandoned', 'foreign')"),
    CheckConstraint("(status = 'issued') = (certificate IS NOT NULL)"),
    CheckConstraint("(revoked_at IS NULL) = (reason IS NULL)"),
    CheckConstraint("status != 'foreign' OR revoked_at IS NOT NULL"),
    Index("certificates_by_target", "kind", "host", "name", "status"),
    Index("certificates_by_status", "status"),
    # All that a list says of them, so that their certificates need not be read to make one.
    Index(
        "certificates_revoked",
        *("authority_id", "id", "serial", "revoked_at", "not_after", "reason"),
        sqlite_where=text("revoked_at IS NOT NULL"),
    ),
)

crls = Table(
    "crls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("authority_id", ForeignKey("authorities.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("ladder", Integer, nullable=False),
    Column("this_update", Moment, nullable=False),
    Column("next_update", Moment, nullable=False),
    Column("crl", LargeBinary),  # none: long superseded, and dropped
    UniqueConstraint("authority_id", "number"),
    Index("crls_by_ladder", "authority_id", "ladder"),
)

# What was last deployed to each host, as far as others may know it: names, versions, and Apache's
# own files. Keys, certificates and passwords are on the hosts alone.
deployments = Table(
    "deployments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host", Text, nullable=False, unique=True),
    Column("release", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("layout", Text, nullable=False),
    Column("apache", Text, nullable=False),
    Column("openssl", Text, nullable=False),
    Column("surroundings", Text, nullable=False),  # JSON: what else of the host it depends on
    Column("texts", Text, nullable=False),  # JSON: Apache's files by their paths
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("hash", Text, nullable=False),  # of the event before and of this one
    Index("events_restored", "at", sqlite_where=text("kind = 'state restored'")),
)
