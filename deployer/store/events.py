"""What happened to authorities and certificates, in order."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from deployer.store import schema
from deployer.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    at: datetime
    kind: str
    facts: dict[str, str]


def record(connection: Connection, kind: str, *, at: datetime, **facts: str) -> None:
    """Write an event in the transaction of what it reports."""
    record_all(connection, kind, [facts], at=at)


def record_all(
    connection: Connection, kind: str, happenings: list[dict[str, str]], *, at: datetime
) -> None:
    """Write many events of one kind."""
    rows = [
        {"at": at, "kind": kind, "facts": json.dumps(facts, ensure_ascii=False)}
        for facts in happenings
    ]
    if rows:
        connection.execute(insert(schema.events), rows)


class Events:
    """The events of a state database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> tuple[Event, ...]:
        """List every event, oldest first."""
        query = select(schema.events).order_by(schema.events.c.id)
        with self._database.reading() as connection:
            return tuple(
                Event(at=row.at, kind=row.kind, facts=json.loads(row.facts))
                for row in connection.execute(query)
            )
