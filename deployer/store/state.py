"""
The state of a deployment: the one door to everything that the controller remembers.

Imported only by commands that use it: it brings SQLAlchemy along.
"""

from datetime import datetime
from pathlib import Path
from typing import Self

from deployer.errors import Locked
from deployer.pki.authority import Authority, Signer
from deployer.pki.keys import KeyType
from deployer.store import founding, ledger
from deployer.store.authorities import Authorities
from deployer.store.certificates import Certificates
from deployer.store.crls import Crls
from deployer.store.database import Database
from deployer.store.events import Events
from deployer.store.keys import DEFAULT_COST, Cost

LOCK_TIMEOUT = 10.0


class Store:
    """An open state directory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.authorities = Authorities(database)
        self.certificates = Certificates(database, self.authorities)
        self.crls = Crls(database)
        self.events = Events(database)

    @classmethod
    def create(cls, directory: Path, *, lock_timeout: float = LOCK_TIMEOUT) -> Self:
        """Open a state directory, making it if need be."""
        return cls(Database.create(directory, lock_timeout=lock_timeout))

    @classmethod
    def open(cls, directory: Path, *, now: datetime, lock_timeout: float = LOCK_TIMEOUT) -> Self:
        """Open a state directory, and close what a process that was killed left open."""
        store = cls(Database.open(directory, lock_timeout=lock_timeout))
        try:
            store._close_orphans(now)
        except BaseException:
            store.close()
            raise
        return store

    def init_ca(
        self,
        *,
        organization: str,
        passphrase: str,
        now: datetime,
        key_type: KeyType = KeyType.P384,
        cost: Cost = DEFAULT_COST,
    ) -> tuple[Authority, ...]:
        """Found the CA: root, servers and clients, in this order."""
        return founding.found(
            self._database,
            organization=organization,
            passphrase=passphrase,
            key_type=key_type,
            cost=cost,
            now=now,
        )

    def unlock(self, name: str, passphrase: str) -> Signer:
        """Open the key of an authority."""
        return self.authorities.unlock(name, passphrase)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _close_orphans(self, now: datetime) -> None:
        with self._database.reading() as connection:
            if not ledger.has_orphans(connection):
                return
        try:
            with (
                self._database.writer(wait=False) as writer,
                writer.transaction() as connection,
            ):
                ledger.close_orphans(connection, at=now)
        except Locked:
            return  # somebody is issuing right now, and the next one to open will look again
