"""
What was last deployed to each host, so that it can be spoken of with nobody connected.

Names, versions, and Apache's own files. Keys, certificates and password files are none of them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from sqlalchemy import Connection, select

from deployer.layouts import DEBIAN, LAYOUTS, Layout
from deployer.platforms import Platform, Version, version_of
from deployer.release import Release
from deployer.store import chain, rows, schema
from deployer.store.chain import Kind
from deployer.store.database import Database
from deployer.store.rows import DeploymentRow

_AT_ONCE = 500  # variables of a statement; SQLite may allow no more than 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A release that a host has, what it was resolved for, and Apache's files in it."""

    host: str
    release: str
    at: datetime
    """When it was found to be there."""
    platform: Platform
    """Its layout by name: where an inventory gives one whole, that counts. See `platform_for`."""
    texts: Mapping[str, str] = field(repr=False)
    """`include.conf` and `sites/*.conf`."""

    @classmethod
    def of(cls, host: str, release: Release, platform: Platform, *, at: datetime) -> Self:
        """Take from a release what may be kept of it."""
        return cls(host=host, release=release.id, at=at, platform=platform, texts=release.texts)

    def platform_for(self, wanted: Layout | None) -> Platform:
        """Say what the next release is resolved for, with a layout if the inventory names one."""
        found = self.platform.layout
        # What Apache itself said that it listens on counts for more than any layout.
        layout = replace(wanted or found, listens=found.listens)
        return replace(self.platform, layout=layout)


class Deployments:
    """The last deployment of every host, whoever asks when it was."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, deployed: Iterable[Deployed]) -> None:
        """Note what hosts have now. What is on record already is not written again."""
        given = {one.host: one for one in deployed}
        with self._database.reading() as connection:
            known = _rows_of(connection, list(given))
            news = [one for one in given.values() if not _is_known(known.get(one.host), one)]
        if not news:
            return
        with self._database.writer() as writer, writer.transaction() as connection:
            for one in news:
                row = _replaced(connection, one)
                facts = rows.deployment_facts(row)
                chain.record(connection, Kind.RELEASE_DEPLOYED, at=one.at, **facts)

    def last(self, host: str) -> Deployed | None:
        """Read what a host got last, or None if it is not on record."""
        with self._database.reading() as connection:
            row = _row_of(connection, host)
        return None if row is None else _read(row)

    def owners(self) -> Mapping[str, frozenset[str]]:
        """Return the names of hosts by the release that each got last."""
        table = schema.deployments
        owners: defaultdict[str, set[str]] = defaultdict(set)
        with self._database.reading() as connection:
            for release, host in connection.execute(select(table.c.release, table.c.host)):
                owners[release].add(host)
        return {release: frozenset(hosts) for release, hosts in owners.items()}


def _row_of(connection: Connection, host: str) -> DeploymentRow | None:
    found = rows.read(connection, schema.deployments, "host = ?", (host,))
    return DeploymentRow._make(found[0]) if found else None


def _rows_of(connection: Connection, hosts: Sequence[str]) -> dict[str, DeploymentRow]:
    """Read the rows of many hosts, a bounded number with each question."""
    found: list[DeploymentRow] = []
    for at in range(0, len(hosts), _AT_ONCE):
        some = hosts[at : at + _AT_ONCE]
        where = f"host IN ({', '.join('?' * len(some))})"
        found += map(DeploymentRow._make, rows.read(connection, schema.deployments, where, some))
    return {row.host: row for row in found}


def _is_known(row: DeploymentRow | None, one: Deployed) -> bool:
    if row is None or row.release != one.release:
        return False
    return _row(one, row.id)._replace(at=row.at) == row


def _replaced(connection: Connection, one: Deployed) -> DeploymentRow:
    """Write the row of a host in place of the one that it has, if it has one."""
    before = _row_of(connection, one.host)
    table = schema.deployments
    row = _row(one, before.id if before else rows.next_id(connection, table))
    connection.execute(table.delete().where(table.c.host == one.host))
    rows.write(connection, table, [row])
    return row


def _row(one: Deployed, row_id: int) -> DeploymentRow:
    platform = one.platform
    surroundings = {
        "shared": platform.shared,
        "listens": platform.layout.listens,
        "bare_ports": platform.bare_ports,
    }
    return DeploymentRow(
        id=row_id,
        host=one.host,
        release=one.release,
        at=schema.moment(one.at),
        layout=platform.layout.name,
        apache=_dotted(platform.apache),
        openssl=_dotted(platform.openssl),
        surroundings=rows.encode(surroundings),
        texts=rows.encode(dict(sorted(one.texts.items()))),
    )


def _read(row: DeploymentRow) -> Deployed:
    found = json.loads(row.surroundings)
    layout = LAYOUTS.get(row.layout, DEBIAN)
    return Deployed(
        host=row.host,
        release=row.release,
        at=datetime.fromisoformat(row.at),
        platform=Platform(
            layout=replace(layout, listens=tuple(found["listens"])),
            apache=version_of(row.apache),
            openssl=version_of(row.openssl),
            shared=found["shared"],
            bare_ports=tuple(found["bare_ports"]),
        ),
        texts=json.loads(row.texts),
    )


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
