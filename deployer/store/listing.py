"""Lists of what is on record: filtered by SQLite, read straight into records."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from deployer.store import schema
from deployer.store.records import CertificateRecord, CertificateState, Kind

_COLUMNS = (
    "c.serial, a.name, a.generation, c.kind, c.subject, c.host, c.name, c.status, c.key_sha256,"
    " c.not_before, c.not_after, c.created_at, c.revoked_at, c.reason"
)
_STATES = {
    CertificateState.VALID: "c.status = 'issued' AND c.revoked_at IS NULL AND c.not_after >= ?",
    CertificateState.EXPIRED: "c.status = 'issued' AND c.revoked_at IS NULL AND c.not_after < ?",
    CertificateState.REVOKED: "c.status IN ('issued', 'foreign') AND c.revoked_at IS NOT NULL",
    CertificateState.ABANDONED: "c.status = 'abandoned'",
    CertificateState.INTENDED: "c.status = 'intended'",
}
_OF_A_DAY = frozenset({CertificateState.VALID, CertificateState.EXPIRED})

Conditions = tuple[str, Sequence[str]]
"""SQL, and what stands for its question marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which certificates are asked for; each that is given must match."""

    kind: Kind | None
    host: str | None
    name: str | None
    authority: str | None
    state: CertificateState | None
    expires_before: datetime | None

    def conditions(self, now: datetime | None) -> Conditions:
        """Write the filter as SQL."""
        columns = {
            "c.kind = ?": self.kind,
            "c.host = ?": self.host,
            "c.name = ?": self.name,
            "a.name = ?": self.authority,
        }
        given = [(text, value) for text, value in columns.items() if value is not None]
        texts, values = [text for text, _ in given], [str(value) for _, value in given]
        if self.expires_before is not None:
            texts.append("c.not_after < ?")
            values.append(schema.moment(self.expires_before))
        if self.state is not None:
            texts.append(_STATES[self.state])
            if self.state in _OF_A_DAY:
                if now is None:
                    raise ValueError("what has expired depends on the day")
                values.append(schema.moment(now))
        return " AND ".join(texts) or "1", values


def canonical(serial: str) -> str:
    """Spell a serial number, or its beginning, as the books do; nothing if it is none."""
    digits = re.sub(r"[\s:]", "", serial.lower()).removeprefix("0x").lstrip("0")
    return digits if re.fullmatch(r"[0-9a-f]+", digits) else ""


def beginning_with(prefix: str) -> Conditions:
    """Select serial numbers by how they begin, through the index that keeps them unique."""
    return "c.serial >= ? AND c.serial < ?", [prefix, f"{prefix}g"]  # g follows every hex digit


def read(
    connection: Connection, condition: str, values: Sequence[str]
) -> tuple[CertificateRecord, ...]:
    """Read records, oldest first."""
    statement = (
        f"SELECT {_COLUMNS} FROM certificates c JOIN authorities a ON a.id = c.authority_id"  # noqa: S608
        f" WHERE {condition} ORDER BY c.id"
    )
    # Past SQLAlchemy, whose rows cost more than SQLite's reading of them.
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, tuple(values))
        return tuple(map(_record, cursor.fetchall()))
    finally:
        cursor.close()


def _record(row: Sequence[Any]) -> CertificateRecord:
    time = datetime.fromisoformat
    return CertificateRecord._make(
        (
            int(row[0], 16),
            *row[1:9],
            time(row[9]),
            time(row[10]),
            time(row[11]),
            None if row[12] is None else time(row[12]),
            row[13],
        )
    )
