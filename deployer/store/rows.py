"""
Rows as they are on the disk, and the digests that the journal keeps of them.

Certificates come and go by the thousand, and converting every column of a row costs more than
SQLite does. Nothing is converted here.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

# The one spelling of a value; what cannot be spelt was put there by somebody else.
encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


class AuthorityRow(NamedTuple):
    """A row of `authorities`, column for column."""

    id: int
    name: str
    generation: int
    issuer_id: int | None
    certificate: bytes
    above: bytes
    state: str
    origin: str
    sealed_key: bytes | None
    created_at: str

    @property
    def owner(self) -> str:
        """What people call it."""
        return f"{self.name} G{self.generation}"


class CertificateRow(NamedTuple):
    """A row of `certificates`, column for column."""

    id: int
    serial: str
    authority_id: int
    kind: str
    subject: str
    host: str
    name: str
    status: str
    certificate: bytes | None
    key_sha256: str
    not_before: str
    not_after: str
    created_at: str
    revoked_at: str | None
    reason: str | None


class CrlRow(NamedTuple):
    """A row of `crls`, column for column."""

    id: int
    authority_id: int
    number: int
    ladder: int
    this_update: str
    next_update: str
    crl: bytes | None


class DeploymentRow(NamedTuple):
    """A row of `deployments`, column for column."""

    id: int
    host: str
    release: str
    at: str
    layout: str
    apache: str
    openssl: str
    surroundings: str
    texts: str


def digest(row: Sequence[Any]) -> str:
    """Name the content of a row, every column of it."""
    columns = [sha256(value) if isinstance(value, bytes) else value for value in row]
    return sha256(encode(columns).encode())


def authority_facts(row: AuthorityRow) -> dict[str, str]:
    """Say of an authority what the journal keeps."""
    return {
        "authority": row.owner,
        "state": row.state,
        "sha256": sha256(row.certificate),
        "row": digest(row),
    }


def certificate_facts(row: CertificateRow, owner: str) -> dict[str, str]:
    """Say of a certificate what the journal keeps."""
    facts = {"serial": row.serial, "authority": owner, "subject": row.subject}
    if row.certificate is not None:
        facts["sha256"] = sha256(row.certificate)
    if row.reason is not None:
        facts["reason"] = row.reason
    return {**facts, "row": digest(row)}


def ladder_facts(rungs: Sequence[CrlRow], owner: str) -> dict[str, str]:
    """Say of a ladder what the journal keeps."""
    lists = sha256("".join(map(digest, rungs)).encode())
    return {"authority": owner, "number": str(rungs[0].ladder), "row": lists}


def deployment_facts(row: DeploymentRow) -> dict[str, str]:
    """Say of a deployment what the journal keeps."""
    return {"host": row.host, "release": row.release, "row": digest(row)}


def sha256(content: bytes) -> str:
    """Name some bytes."""
    return hashlib.sha256(content).hexdigest()


def read(
    connection: Connection, table: Table, where: str = "1", values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """Read whole rows in the order of their ids."""
    statement = f"SELECT * FROM {table.name} WHERE {where} ORDER BY id"  # noqa: S608
    return [tuple(row) for row in connection.exec_driver_sql(statement, tuple(values))]


def write(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Write rows that have every column."""
    marks = ", ".join("?" * len(table.c))
    statement = f"INSERT INTO {table.name} VALUES ({marks})"  # noqa: S608
    if rows:
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])


def next_id(connection: Connection, table: Table) -> int:
    """Choose the id of the next row; whoever asks is the only writer."""
    statement = f"SELECT coalesce(max(id), 0) + 1 FROM {table.name}"  # noqa: S608
    return int(connection.exec_driver_sql(statement).scalar_one())
