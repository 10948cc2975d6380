"""
How the database of an older program becomes one of this program, one version after the other.

What is written here about a version stays as it is, whatever the tables look like today.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from itertools import groupby
from pathlib import Path

from deployer.store import rows, schema
from deployer.store.chain import Kind, Link, forge
from deployer.store.copies import drafted
from deployer.store.faults import damaged
from deployer.store.rows import AuthorityRow, CertificateRow, CrlRow

Step = Callable[[sqlite3.Connection, str], None]


def migrate(path: Path, *, now: datetime) -> None:
    """
    Bring a database up to date in one transaction; whoever calls holds the lock.

    A copy as it was stays beside it (`state.db.v1`), for whoever has to go back.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == schema.VERSION:
            return
        if version not in _STEPS:
            raise damaged(path, f"there never was a schema {version}")
        kept = path.with_name(f"{path.name}.v{version}")
        with drafted(path, kept) as draft:
            draft.replace(kept)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")  # whatever leaves this block undone is rolled back
        for older in range(version, schema.VERSION):
            _STEPS[older](connection, schema.moment(now))
        if connection.execute("PRAGMA foreign_key_check").fetchone():
            raise damaged(path, "a row refers to another that is not there")
        connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        connection.execute("COMMIT")


_SECOND = (
    """CREATE TABLE new_authorities (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        generation INTEGER NOT NULL,
        issuer_id INTEGER,
        certificate BLOB NOT NULL,
        above BLOB NOT NULL,
        state TEXT NOT NULL,
        origin TEXT NOT NULL,
        sealed_key BLOB,
        created_at TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (name, generation),
        CHECK (state IN ('prepared', 'active', 'retiring', 'retired')),
        CHECK (origin IN ('made', 'imported')),
        FOREIGN KEY(issuer_id) REFERENCES authorities (id)
    )""",
    """INSERT INTO new_authorities
        SELECT id, name, generation, issuer_id, certificate, x'', 'active', 'made', sealed_key,
            created_at FROM authorities""",
    "DROP TABLE authorities",
    "ALTER TABLE new_authorities RENAME TO authorities",
    """CREATE UNIQUE INDEX authorities_active ON authorities (name) WHERE state = 'active'""",
    """CREATE TABLE new_certificates (
        id INTEGER NOT NULL,
        serial TEXT NOT NULL,
        authority_id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        host TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL,
        certificate BLOB,
        key_sha256 TEXT NOT NULL,
        not_before TEXT NOT NULL,
        not_after TEXT NOT NULL,
        created_at TEXT NOT NULL,
        revoked_at TEXT,
        reason TEXT,
        PRIMARY KEY (id),
        CHECK (kind IN ('authority', 'server', 'client', 'unknown')),
        CHECK (status IN ('intended', 'issued', 'abandoned', 'foreign')),
        CHECK ((status = 'issued') = (certificate IS NOT NULL)),
        CHECK ((revoked_at IS NULL) = (reason IS NULL)),
        CHECK (status != 'foreign' OR revoked_at IS NOT NULL),
        UNIQUE (serial),
        FOREIGN KEY(authority_id) REFERENCES authorities (id)
    )""",
    "INSERT INTO new_certificates SELECT * FROM certificates",
    "DROP TABLE certificates",
    "ALTER TABLE new_certificates RENAME TO certificates",
    "CREATE INDEX certificates_by_target ON certificates (kind, host, name, status)",
    "CREATE INDEX certificates_by_status ON certificates (status)",
    """CREATE INDEX certificates_revoked ON certificates
        (authority_id, id, serial, revoked_at, not_after, reason) WHERE revoked_at IS NOT NULL""",
    """CREATE TABLE new_crls (
        id INTEGER NOT NULL,
        authority_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        ladder INTEGER NOT NULL,
        this_update TEXT NOT NULL,
        next_update TEXT NOT NULL,
        crl BLOB,
        PRIMARY KEY (id),
        UNIQUE (authority_id, number),
        FOREIGN KEY(authority_id) REFERENCES authorities (id)
    )""",
    "INSERT INTO new_crls SELECT * FROM crls",
    "DROP TABLE crls",
    "ALTER TABLE new_crls RENAME TO crls",
    "CREATE INDEX crls_by_ladder ON crls (authority_id, ladder)",
    """CREATE TABLE new_events (
        id INTEGER NOT NULL,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        facts TEXT NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (id)
    )""",
)
_SECOND_EVENTS = (
    "DROP TABLE events",
    "ALTER TABLE new_events RENAME TO events",
    "CREATE INDEX events_restored ON events (at) WHERE kind = 'state restored'",
)


def _to_second(connection: sqlite3.Connection, at: str) -> None:
    """Give authorities a state and an origin, and seal the events into a chain."""
    for statement in _SECOND:
        connection.execute(statement)
    last: Link | None = None
    links: list[Link] = []
    for moment, kind, facts in connection.execute("SELECT at, kind, facts FROM events ORDER BY id"):
        last = forge(last, kind, json.loads(facts), at=moment)
        links.append(last)
    for kind, said in (
        (Kind.STATE_MIGRATED, {"from": "1", "to": "2"}),
        *_second_inventory(connection),
    ):
        last = forge(last, kind, said, at=at)
        links.append(last)
    connection.executemany("INSERT INTO new_events VALUES (?, ?, ?, ?, ?)", links)
    for statement in _SECOND_EVENTS:
        connection.execute(statement)


def _second_inventory(connection: sqlite3.Connection) -> Iterator[tuple[Kind, dict[str, str]]]:
    """Say what the tables hold on the day that the journal begins to vouch for them."""
    owners = {}
    for row in map(AuthorityRow._make, connection.execute("SELECT * FROM authorities ORDER BY id")):
        owners[row.id] = row.owner
        yield Kind.AUTHORITY_CARRIED_OVER, rows.authority_facts(row)
    for leaf in map(
        CertificateRow._make, connection.execute("SELECT * FROM certificates ORDER BY id")
    ):
        owner = owners[leaf.authority_id]
        if leaf.status == "intended":
            yield Kind.CERTIFICATES_INTENDED, {"authority": owner, "serials": leaf.serial}
        else:
            yield Kind.CERTIFICATE_CARRIED_OVER, rows.certificate_facts(leaf, owner)
    lists = map(CrlRow._make, connection.execute("SELECT * FROM crls ORDER BY id"))
    for (authority, _), rungs in groupby(lists, lambda row: (row.authority_id, row.ladder)):
        yield Kind.CRLS_CARRIED_OVER, rows.ladder_facts(list(rungs), owners[authority])


_THIRD = """CREATE TABLE deployments (
    id INTEGER NOT NULL,
    host TEXT NOT NULL,
    "release" TEXT NOT NULL,
    at TEXT NOT NULL,
    layout TEXT NOT NULL,
    apache TEXT NOT NULL,
    openssl TEXT NOT NULL,
    surroundings TEXT NOT NULL,
    texts TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (host)
)"""


def _to_third(connection: sqlite3.Connection, at: str) -> None:
    """Make room for what was deployed; which releases hosts have by now, nobody noted."""
    connection.execute(_THIRD)
    found = connection.execute("SELECT * FROM events ORDER BY id DESC LIMIT 1").fetchone()
    last = None if found is None else Link._make(found)
    link = forge(last, Kind.STATE_MIGRATED, {"from": "2", "to": "3"}, at=at)
    connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", link)


_STEPS: dict[int, Step] = {1: _to_second, 2: _to_third}
