"""The rows of authorities: written, found, and noted in the journal."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, insert, select, update

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.authority import Authority, AuthorityState
from deployer.store import chain, rows, schema
from deployer.store.chain import Kind
from deployer.store.records import Origin
from deployer.store.rows import AuthorityRow


class IssuesNothing(DeployerError):
    """An authority that may not certify anybody: not yet, no more, or never again."""


def owner(authority: Authority) -> str:
    """Say whose a sealed key is; part of what its seal protects."""
    return f"{authority.name} G{authority.generation}"


def add(
    connection: Connection,
    authority: Authority,
    sealed_key: bytes,
    *,
    state: AuthorityState,
    origin: Origin,
    now: datetime,
) -> None:
    """Write an authority whose issuers are written already, or are foreign."""
    issuer_id = find(connection, authority.chain[0]) if authority.chain else None
    row = {
        "name": authority.name,
        "generation": authority.generation,
        "issuer_id": issuer_id,
        "certificate": authority.certificate.public_bytes(Encoding.DER),
        "above": pem.write_certificates(authority.chain) if issuer_id is None else b"",
        "state": state,
        "origin": origin,
        "sealed_key": sealed_key,
        "created_at": now,
    }
    connection.execute(insert(schema.authorities), row)


def change(connection: Connection, row_id: int, kind: Kind, *, at: datetime, **values: str) -> None:
    """Change a row and say so in the journal."""
    table = schema.authorities
    connection.execute(update(table).where(table.c.id == row_id).values(values))
    note(connection, row_id, kind, at=at)


def note(connection: Connection, row_id: int, kind: Kind, *, at: datetime) -> None:
    """Say in the journal what happened to an authority, and what its row is now."""
    row = read(connection, row_id)
    chain.append(connection, [(kind, rows.authority_facts(row))], at=at)


def read(connection: Connection, row_id: int) -> AuthorityRow:
    """Read a row."""
    (row,) = rows.read(connection, schema.authorities, "id = ?", [row_id])
    return AuthorityRow._make(row)


def everyone(connection: Connection) -> list[AuthorityRow]:
    """Read every row, in the order in which the authorities were made."""
    return [AuthorityRow._make(row) for row in rows.read(connection, schema.authorities)]


def id_of(connection: Connection, certificate: x509.Certificate) -> int:
    """Find the row of an authority that there is."""
    found = find(connection, certificate)
    if found is None:
        raise LookupError(f"{certificate.subject.rfc4514_string()} is no authority of this state")
    return found


def revoked_at(connection: Connection, row: AuthorityRow) -> datetime | None:
    """Find since when an authority is dead: its certificate, or one above it, was revoked."""
    statement = (
        "SELECT revoked_at FROM certificates"
        " WHERE kind = 'authority' AND certificate = ? AND revoked_at IS NOT NULL"
    )
    found = connection.exec_driver_sql(statement, (row.certificate,)).scalars()
    times = [datetime.fromisoformat(one) for one in found]
    if row.issuer_id is not None:
        above = revoked_at(connection, read(connection, row.issuer_id))
        times += [] if above is None else [above]
    return min(times, default=None)


def check_issues(connection: Connection, row_id: int) -> None:
    """Refuse an authority that does not issue now, whatever it did when its key was opened."""
    row = read(connection, row_id)
    since = revoked_at(connection, row)
    if since is not None:
        raise IssuesNothing(
            f"{row.owner} no longer issues: it was revoked on {since:%Y-%m-%d}",
            hint=f"deployer ca prepare {row.name}",
        )
    if row.state != AuthorityState.ACTIVE:
        when = "does not issue yet" if row.state == AuthorityState.PREPARED else "no longer issues"
        raise IssuesNothing(
            f"{row.owner} {when}: it is {row.state}",
            hint="deployer ca show; type the command again",
        )


def find(connection: Connection, certificate: x509.Certificate) -> int | None:
    """Find the row of an authority, if it has one."""
    table = schema.authorities
    der = certificate.public_bytes(Encoding.DER)
    query = select(table.c.id).where(table.c.certificate == der)
    row_id: int | None = connection.execute(query).scalar_one_or_none()
    return row_id
