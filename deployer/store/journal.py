"""The journal of a state: what happened, and whether the books agree with it."""

import json
from dataclasses import dataclass
from datetime import datetime

from deployer.store import audit
from deployer.store.chain import GENESIS, Link
from deployer.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    at: datetime
    kind: str
    facts: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalVerdict:
    """What an unbroken journal amounts to."""

    events: int
    head: str
    """The hash of the last event. Kept elsewhere, it proves later that none was taken away."""


class Journal:
    """The events of a state database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> tuple[Event, ...]:
        """List every event, oldest first."""
        with self._database.reading() as connection:
            return tuple(
                Event(
                    at=datetime.fromisoformat(link.at), kind=link.kind, facts=json.loads(link.facts)
                )
                for link in audit.links(connection)
            )

    def verify(self, *, head: str = "") -> JournalVerdict:
        """
        Recompute the whole chain and compare every table with what it says.

        `head` is one that was noted earlier: it must still be part of the chain.
        """
        with self._database.reading() as connection:
            last: Link | None = audit.check(connection, noted=head)
        if last is None:
            return JournalVerdict(events=0, head=GENESIS)
        return JournalVerdict(events=last.id, head=last.hash)
