"""The authorities of a state database, by name and generation."""

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial

from cryptography import x509
from sqlalchemy import Connection

from deployer.errors import nearest
from deployer.pki import pem
from deployer.pki.authority import Authority, AuthorityState, Signer
from deployer.pki.profiles import AUTHORITIES, DIRECT
from deployer.store import custody, register
from deployer.store.database import Database
from deployer.store.faults import NoState
from deployer.store.records import AuthorityRecord
from deployer.store.rows import AuthorityRow

_ACTIVE = frozenset({AuthorityState.ACTIVE})
_TRUSTED = frozenset(state for state in AuthorityState if state.is_trusted)


class Authorities:
    """Who may sign, and who could."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, Authority] = {}

    def current(self, name: str) -> Authority:
        """
        Find the generation of an authority that issues now.

        An imported CA that can have no authority below it stands for all of them.
        """

        def read(connection: Connection) -> Authority:
            return self.get(connection, _choose(connection, name, _ACTIVE)[-1].id)

        return self._database.remembered(("current", name), read)

    def trusted(self, name: str) -> tuple[Authority, ...]:
        """List the generations of an authority that hosts should trust, oldest first."""

        def read(connection: Connection) -> tuple[Authority, ...]:
            chosen = _choose(connection, name, _TRUSTED)
            return tuple(self.get(connection, row.id) for row in chosen)

        return self._database.remembered(("trusted", name), read)

    def list(self) -> tuple[Authority, ...]:
        """List every generation of every authority, in the order they were made."""
        return tuple(record.authority for record in self.records())

    def records(self) -> tuple[AuthorityRecord, ...]:
        """List every generation of every authority, with how things stand, as they were made."""

        def read(connection: Connection) -> tuple[AuthorityRecord, ...]:
            return tuple(
                AuthorityRecord(
                    authority=self.get(connection, row.id),
                    state=AuthorityState(row.state),
                    origin="imported" if row.origin == "imported" else "made",
                    has_key=row.sealed_key is not None,
                    created_at=datetime.fromisoformat(row.created_at),
                    revoked_at=register.revoked_at(connection, row),
                )
                for row in register.everyone(connection)
            )

        return self._database.remembered("authorities", read)

    def unlock(self, name: str, passphrase: str, *, generation: int | None = None) -> Signer:
        """Open the key of the generation that issues now, or of another."""
        return self.locked(name, generation=generation)(passphrase)

    def locked(self, name: str, *, generation: int | None = None) -> Callable[[str], Signer]:
        """Read a key as it lies in the state; what is returned opens it, in any thread."""
        row, authority = self._find(name, generation)
        return partial(custody.open_key, authority, custody.sealed_key(row))

    def unlock_exported(
        self, name: str, text: bytes, passphrase: str, *, generation: int | None = None
    ) -> Signer:
        """Open a key that was exported from this state, or from one that it comes from."""
        _, authority = self._find(name, generation)
        return custody.open_key(authority, custody.read_exported(text, authority), passphrase)

    def export_key(self, name: str, generation: int | None = None) -> bytes:
        """Write the sealed key of an authority as text that can be kept anywhere."""
        row, authority = self._find(name, generation)
        return custody.write_exported(authority, custody.sealed_key(row))

    def forget_key(self, name: str, generation: int | None = None, *, now: datetime) -> bool:
        """
        Take the key of an authority out of the state, down to the last copy in its files.

        Says whether all of that is done: a copy stays in the log until its last reader ends.
        """
        row, _ = self._find(name, generation)
        return custody.forget(self._database, row.id, now=now)

    def get(self, connection: Connection, row_id: int) -> Authority:
        """Read an authority with its chain; they never change, so each is read once."""
        if row_id not in self._known:
            row = register.read(connection, row_id)
            if row.issuer_id is not None:
                above = self.get(connection, row.issuer_id).bundle
            else:
                above = pem.read_certificates(row.above) if row.above else ()
            self._known[row_id] = Authority(
                name=row.name,
                generation=row.generation,
                certificate=x509.load_der_x509_certificate(row.certificate),
                chain=tuple(above),
            )
        return self._known[row_id]

    def of_row(self, row_id: int) -> Authority:
        """Read an authority of whose row the number is known."""
        if row_id in self._known:
            return self._known[row_id]
        with self._database.reading() as connection:
            return self.get(connection, row_id)

    def of_name(self, connection: Connection, name: str, generation: int) -> Authority:
        """Read one generation of an authority, whatever its state."""
        return self.get(connection, _of_generation(connection, name, generation).id)

    def _find(self, name: str, generation: int | None) -> tuple[AuthorityRow, Authority]:
        with self._database.reading() as connection:
            if generation is None:
                row = _choose(connection, name, _ACTIVE)[-1]
            else:
                row = _of_generation(connection, name, generation)
            return row, self.get(connection, row.id)


def _choose(
    connection: Connection, name: str, states: Collection[AuthorityState]
) -> list[AuthorityRow]:
    everyone = register.everyone(connection)
    names = {row.name for row in everyone}
    meant = DIRECT if name in AUTHORITIES and name not in names and DIRECT in names else name
    found = [row for row in everyone if row.name == meant and row.state in states]
    if not found and meant in names:
        standing = ", ".join(f"{row.owner} is {row.state}" for row in everyone if row.name == meant)
        raise NoState(
            f"no generation of {meant} is {' or '.join(sorted(states))}: {standing}",
            hint=f"deployer ca prepare {meant}",
        )
    if not found:
        known = name in AUTHORITIES
        raise NoState(
            f"there is no authority named {name!r}",
            hint="deployer ca init" if known else nearest(name, AUTHORITIES),
        )
    return sorted(found, key=lambda row: row.generation)


def _of_generation(connection: Connection, name: str, generation: int) -> AuthorityRow:
    everyone = _choose(connection, name, frozenset(AuthorityState))
    for row in everyone:
        if row.generation == generation:
            return row
    known = ", ".join(row.owner for row in everyone)
    raise NoState(f"there is no authority {name} G{generation}", hint=f"there is {known}")
