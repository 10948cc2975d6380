"""
The state database: one SQLite file in one private directory.

It holds the sealed keys of the authorities and the name of everything they ever certified. It
is refused when others can read it, when it is damaged, and when a newer program wrote it.
"""

import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine

from deployer.errors import Locked
from deployer.store import engine, rows, schema
from deployer.store.faults import (
    DamagedState,
    NewerState,
    StateError,
    accessible,
    check_private,
    damaged,
    explained,
    no_state,
)
from deployer.store.lock import held
from deployer.store.migrations import migrate

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The right to write, which one process has at a time."""

    engine: Engine
    path: Path

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write all of it or nothing; it is on the disk when the block ends."""
        with explained(self.path), self.engine.begin() as connection:
            yield connection

    def wipe(self) -> bool:
        """
        Leave nothing on the disk of what was overwritten, as far as a program can.

        The write-ahead log still has the pages as they were, and so has the copy that a migration
        left behind. Says whether it is done. What was asked for is on the disk by now, so a reader
        in the way is no failure: SQLite removes the log when the last of them ends.
        """
        row = None
        with suppress(Locked, StateError), explained(self.path):
            connection = self.engine.raw_connection()
            try:
                row = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.close()
        done = row is not None and not row[0]
        for copy in self.path.parent.glob(f"{self.path.name}.v*"):
            try:
                copy.unlink(missing_ok=True)
            except OSError:
                done = False
        return done


class Database:
    """An open state database."""

    def __init__(self, path: Path, *, lock_timeout: float) -> None:
        self.path = path
        self._lock_timeout = lock_timeout
        self._engine = engine.connect(path, lock_timeout)
        self._files = (str(path), f"{path}-wal")
        self._stamp: object = None
        self._remembered: dict[Hashable, Any] = {}

    @classmethod
    def create(cls, directory: Path, *, now: datetime, lock_timeout: float) -> Self:
        """Open the state of a directory, making what is missing."""
        path = directory / "state.db"
        with making(directory, lock_timeout=lock_timeout):
            with accessible(directory):
                if not path.exists() and (rest := leftovers(path)):
                    raise StateError(
                        f"{rest[0]} is left of a state whose state.db is gone",
                        hint=f"move {directory} aside, then: deployer ca restore BACKUP",
                    )
                # Private before SQLite writes a byte; its journals take after it.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                check_private(path)
            with cls(path, lock_timeout=lock_timeout) as empty, explained(path):
                empty._create_tables()
        return cls.open(directory, now=now, lock_timeout=lock_timeout)

    @classmethod
    def open(cls, directory: Path, *, now: datetime, lock_timeout: float) -> Self:
        """
        Open the state of a directory after checking that it is whole and private.

        One that an older program wrote is brought up to date first.
        """
        path = directory / "state.db"
        with accessible(directory):
            if path.stat().st_size == 0:
                raise no_state(directory)
            check_private(directory)
            check_private(path)
        database = cls(path, lock_timeout=lock_timeout)
        try:
            if database._checked_version() < schema.VERSION:
                with database.writer(), explained(path), accessible(directory):
                    migrate(path, now=now)
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one consistent state, whoever writes meanwhile."""
        with explained(self.path), self._engine.begin() as connection:
            yield connection

    def remembered(self, what: Hashable, read: Callable[[Connection], Value]) -> Value:
        """
        Read something once, as long as nobody writes, whichever process that is.

        A run asks the same of every one of its hosts. Every commit changes one of the two files.
        """
        stamp = self._as_they_are()
        if stamp != self._stamp:
            self._stamp, self._remembered = stamp, {}
        known = self._remembered
        if what not in known:
            with self.reading() as connection:
                known[what] = read(connection)
        value: Value = known[what]
        return value

    def _as_they_are(self) -> object:
        found = []
        for file in self._files:  # names, not paths: it is asked for a dozen times for every host
            with suppress(FileNotFoundError):
                stat = os.stat(file)  # noqa: PTH116
                found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return found

    @contextmanager
    def writer(self, *, wait: bool = True) -> Iterator[Writer]:
        """Become the only writer, when the one before is done."""
        timeout = self._lock_timeout if wait else 0
        with held(self.path.with_name("state.lock"), timeout=timeout):
            try:
                yield Writer(engine=self._engine.execution_options(writes=True), path=self.path)
            finally:
                self._remembered = {}  # at once, however coarse the clock of the file system is

    def is_vacant(self) -> bool:
        """Say whether it is a state of ours in which nothing was ever founded."""
        with self.reading() as connection:
            if engine.is_blank(connection):
                return True
            if engine.pragma(connection, "application_id") != schema.APPLICATION_ID:
                return False
            tables = (schema.authorities, schema.certificates)
            return not any(rows.next_id(connection, table) > 1 for table in tables)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _create_tables(self) -> None:
        with self._engine.execution_options(writes=True).begin() as connection:
            if engine.is_blank(connection):
                schema.metadata.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                connection.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION}")

    def _checked_version(self) -> int:
        path = self.path
        with self.reading() as connection:
            if engine.is_blank(connection):  # its making was interrupted
                raise no_state(path.parent)
            if engine.pragma(connection, "application_id") != schema.APPLICATION_ID:
                raise DamagedState(
                    f"{path} is not a state database of deployer", hint="check --state"
                )
            version = engine.pragma(connection, "user_version")
            if version > schema.VERSION:
                raise NewerState(
                    f"{path} has schema {version}, and this program knows {schema.VERSION}",
                    hint="upgrade deployer: pip install -U mtls-deployer",
                )
            verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if verdict != "ok":
                raise damaged(path, str(verdict))
            return version


def leftovers(path: Path) -> list[Path]:
    """List the files that SQLite keeps beside a database while it is in use."""
    beside = (path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))
    return [one for one in beside if one.exists()]


@contextmanager
def making(directory: Path, *, lock_timeout: float) -> Iterator[None]:
    """Make a private directory for a state, and be the only one at work there."""
    with accessible(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private(directory)
    with held(directory / "state.lock", timeout=lock_timeout):
        with accessible(directory):
            (directory / ".gitignore").write_text("*\n", encoding="ascii")
        yield
