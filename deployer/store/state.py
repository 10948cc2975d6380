"""
The state of a deployment: the one door to everything that the controller remembers.

Imported only by commands that use it: it brings SQLAlchemy along.
"""

from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography import x509

from deployer.errors import Locked
from deployer.pki.adoption import Adoption
from deployer.pki.authority import Authority, Signer
from deployer.pki.keys import KeyType
from deployer.store import backup, custody, founding, generations, ledger, rows, schema
from deployer.store.authorities import Authorities
from deployer.store.certificates import Certificates
from deployer.store.crls import Crls
from deployer.store.database import Database
from deployer.store.deployments import Deployments
from deployer.store.faults import no_state
from deployer.store.journal import Journal
from deployer.store.keys import DEFAULT_COST, Cost

LOCK_TIMEOUT = 10.0


class Store:
    """An open state directory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.authorities = Authorities(database)
        self.certificates = Certificates(database, self.authorities)
        self.crls = Crls(database, self.authorities)
        self.deployments = Deployments(database)
        self.journal = Journal(database)

    @classmethod
    def create(cls, directory: Path, *, now: datetime, lock_timeout: float = LOCK_TIMEOUT) -> Self:
        """Open a state directory, making it if need be."""
        return cls(Database.create(directory, now=now, lock_timeout=lock_timeout))

    @classmethod
    def open(cls, directory: Path, *, now: datetime, lock_timeout: float = LOCK_TIMEOUT) -> Self:
        """Open a state directory, and close what a process that was killed left open."""
        store = cls(Database.open(directory, now=now, lock_timeout=lock_timeout))
        try:
            store._check_founded(directory)
            store._close_orphans(now)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def restore(
        cls, file: Path, directory: Path, *, now: datetime, lock_timeout: float = LOCK_TIMEOUT
    ) -> Self:
        """Bring a state back from a backup, and open it."""
        backup.restore(file, directory, now=now, lock_timeout=lock_timeout)
        return cls.open(directory, now=now, lock_timeout=lock_timeout)

    def backup(self, file: Path) -> None:
        """Write a copy of the state to a new private file, whoever writes meanwhile."""
        backup.backup(self._database, file)

    def init_ca(
        self,
        *,
        organization: str,
        passphrase: str,
        now: datetime,
        key_type: KeyType = KeyType.P384,
        cost: Cost = DEFAULT_COST,
        constraints: x509.NameConstraints | None = None,
    ) -> tuple[Authority, ...]:
        """Found the CA: root, servers and clients, in this order."""
        return founding.found(
            self._database,
            organization=organization,
            passphrase=passphrase,
            key_type=key_type,
            cost=cost,
            constraints=constraints,
            now=now,
        )

    def adopt_ca(
        self,
        adoption: Adoption,
        *,
        organization: str,
        passphrase: str,
        now: datetime,
        key_type: KeyType = KeyType.P384,
        cost: Cost = DEFAULT_COST,
    ) -> tuple[Authority, ...]:
        """Make an existing CA ours: its own authority first, then what was made below it."""
        return founding.adopt(
            self._database,
            adoption,
            organization=organization,
            passphrase=passphrase,
            key_type=key_type,
            cost=cost,
            now=now,
        )

    def prepare(
        self,
        name: str,
        *,
        root: Signer,
        passphrase: str,
        now: datetime,
        key_type: KeyType = KeyType.P384,
        cost: Cost = DEFAULT_COST,
    ) -> Authority:
        """Make the next generation of an authority, for hosts to trust before it issues."""
        return generations.prepare(
            self._database,
            name,
            root=root,
            passphrase=passphrase,
            key_type=key_type,
            cost=cost,
            now=now,
        )

    def activate(self, name: str, *, now: datetime) -> Authority:
        """Let the prepared generation issue; the active one only stays trusted."""
        row_id = generations.activate(self._database, name, now=now)
        return self.authorities.of_row(row_id)

    def retire(self, name: str, *, now: datetime, generation: int) -> Authority:
        """Take trust from a generation on which nobody's certificate hangs."""
        row_id = generations.retire(self._database, name, now=now, generation=generation)
        return self.authorities.of_row(row_id)

    def unlock(self, name: str, passphrase: str, *, generation: int | None = None) -> Signer:
        """Open the key of the generation that issues now, or of another."""
        return self.authorities.unlock(name, passphrase, generation=generation)

    def change_passphrase(
        self, old: str, new: str, *, now: datetime, cost: Cost = DEFAULT_COST
    ) -> bool:
        """
        Seal the keys of all authorities under another passphrase, all or none.

        Says whether the old ones are gone: they stay in the log until its last reader ends.
        """
        return custody.change_passphrase(self._database, old, new, now=now, cost=cost)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_founded(self, directory: Path) -> None:
        with self._database.reading() as connection:
            if rows.next_id(connection, schema.authorities) == 1:  # the founding failed
                raise no_state(directory)

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
