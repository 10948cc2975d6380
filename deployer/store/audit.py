"""
The audit: the chain of events recomputed, and the tables compared with what it says of them.

The journal keeps a digest of every row as it was last written by this program. A row that was
changed, removed or added by anything else disagrees with it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from sqlalchemy import Connection

from deployer.errors import DeployerError
from deployer.store import rows, schema
from deployer.store.chain import GENESIS, Kind, Link, seal
from deployer.store.rows import AuthorityRow, CertificateRow, CrlRow, DeploymentRow

_HINT = "deployer ca restore BACKUP brings back a state from before it was tampered with"


class BrokenJournal(DeployerError):
    """The journal, or a table that it vouches for, was changed by something else."""


@dataclass(slots=True)
class _Books:
    """What the tables should hold, as the journal tells it."""

    authorities: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, str] = field(default_factory=dict)
    intended: set[str] = field(default_factory=set)
    crls: dict[tuple[str, str], str] = field(default_factory=dict)
    deployments: dict[str, str] = field(default_factory=dict)

    def learn(self, link: Link) -> None:
        """Take in one event; those from before the books had digests say nothing."""
        facts = json.loads(link.facts)
        if link.kind == Kind.CERTIFICATES_INTENDED:
            self.intended.update(facts["serials"].split())
        elif "row" not in facts:
            return
        elif "serial" in facts:
            if link.kind == Kind.CERTIFICATE_ABANDONED and facts["serial"] not in self.intended:
                raise _broken(f"the certificate {facts['serial']} was put in: nobody intended it")
            self.certificates[facts["serial"]] = facts["row"]
            self.intended.discard(facts["serial"])
        elif "number" in facts:
            self.crls[facts["authority"], facts["number"]] = facts["row"]
        elif "release" in facts:
            self.deployments[facts["host"]] = facts["row"]
        else:
            self.authorities[facts["authority"]] = facts["row"]


def links(connection: Connection) -> Iterator[Link]:
    """Read every event, oldest first."""
    for row in connection.exec_driver_sql("SELECT * FROM events ORDER BY id"):
        yield Link._make(row)


def check(connection: Connection, *, noted: str = "") -> Link | None:
    """Audit all of it and return the last event."""
    books = _Books()
    last: Link | None = None
    found = not noted or noted == GENESIS
    for link in links(connection):
        _check_link(link, last)
        books.learn(link)
        last = link
        found = found or link.hash == noted
    if not found:
        raise _broken(f"its head was {noted} once, and no event has that hash any more")
    names = _check_authorities(connection, books)
    _check_certificates(connection, books)
    _check_crls(connection, books, names)
    _check_deployments(connection, books)
    return last


def _check_link(link: Link, last: Link | None) -> None:
    expected, before = (1, GENESIS) if last is None else (last.id + 1, last.hash)
    if link.id != expected:
        raise _broken(f"event {expected} is missing before event {link.id}")
    if seal(before, link.id, link.at, link.kind, link.facts) != link.hash:
        raise _broken(f"event {link.id} of {link.at} ({link.kind}) is not what was written")


def _check_authorities(connection: Connection, books: _Books) -> dict[int, str]:
    names = {}
    for row in map(AuthorityRow._make, rows.read(connection, schema.authorities)):
        names[row.id] = row.owner
        if books.authorities.pop(row.owner, None) != rows.digest(row):
            raise _broken(f"the authority {row.owner} is not as it was written")
    for owner in books.authorities:
        raise _broken(f"the authority {owner} is gone")
    return names


def _check_certificates(connection: Connection, books: _Books) -> None:
    for row in map(CertificateRow._make, rows.read(connection, schema.certificates)):
        if row.status == "intended" and row.serial in books.intended:
            books.intended.remove(row.serial)
        elif books.certificates.pop(row.serial, None) != rows.digest(row):
            raise _broken(f"the certificate {row.serial} ({row.name}) is not as it was written")
    for serial in (*books.certificates, *books.intended):
        raise _broken(f"the certificate {serial} is gone from the books")


def _check_crls(connection: Connection, books: _Books, names: Mapping[int, str]) -> None:
    found = map(CrlRow._make, rows.read(connection, schema.crls))
    for (authority, ladder), rungs in groupby(found, lambda row: (row.authority_id, row.ladder)):
        owner = names.get(authority, "nobody")
        said = books.crls.pop((owner, str(ladder)), None)
        if said != rows.ladder_facts(list(rungs), owner)["row"]:
            raise _broken(f"the CRLs of {owner} from number {ladder} are not as they were written")
    for owner, number in books.crls:
        raise _broken(f"the CRLs of {owner} from number {number} are gone")


def _check_deployments(connection: Connection, books: _Books) -> None:
    for row in map(DeploymentRow._make, rows.read(connection, schema.deployments)):
        if books.deployments.pop(row.host, None) != rows.digest(row):
            raise _broken(f"what was deployed to {row.host} is not as it was written")
    for host in books.deployments:
        raise _broken(f"what was deployed to {host} is gone")


def _broken(what: str) -> BrokenJournal:
    return BrokenJournal(f"the journal is broken: {what}", hint=_HINT)
