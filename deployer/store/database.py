"""
The state database: one SQLite file in one private directory.

It holds the sealed keys of the authorities and the name of everything they ever certified. It
is refused when others can read it, when it is damaged, and when a newer program wrote it.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from deployer.errors import DeployerError, Locked
from deployer.store import schema
from deployer.store.lock import held

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class StateError(DeployerError):
    """The state cannot be read or written."""


class NoState(StateError):
    """There is no state where it was looked for."""


class ExposedState(StateError):
    """Others can read what the directory holds."""


class DamagedState(StateError):
    """The file is not the database that was written."""


class NewerState(StateError):
    """A newer program has changed the database's form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The right to write, which one process has at a time."""

    engine: Engine
    path: Path

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write all of it or nothing; it is on the disk when the block ends."""
        with _explained(self.path), self.engine.begin() as connection:
            yield connection


class Database:
    """An open state database."""

    def __init__(self, path: Path, *, lock_timeout: float) -> None:
        self._path = path
        self._lock_timeout = lock_timeout
        self._engine = _engine(path, lock_timeout)

    @classmethod
    def create(cls, directory: Path, *, lock_timeout: float) -> Self:
        """Open the state of a directory, making what is missing."""
        with _accessible(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(directory)
        path = directory / "state.db"
        with held(directory / "state.lock", timeout=lock_timeout):
            with _accessible(directory):
                # Private before SQLite writes a byte; its journals take after it.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                _check_private(path)
                (directory / ".gitignore").write_text("*\n", encoding="ascii")
            with cls(path, lock_timeout=lock_timeout) as empty, _explained(path):
                empty._create_tables()
        return cls.open(directory, lock_timeout=lock_timeout)

    @classmethod
    def open(cls, directory: Path, *, lock_timeout: float) -> Self:
        """Open the state of a directory after checking that it is whole and private."""
        path = directory / "state.db"
        with _accessible(directory):
            if path.stat().st_size == 0:
                raise _no_state(directory)
            _check_private(directory)
            _check_private(path)
        database = cls(path, lock_timeout=lock_timeout)
        try:
            database._check()
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one consistent state, whoever writes meanwhile."""
        with _explained(self._path), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writer(self, *, wait: bool = True) -> Iterator[Writer]:
        """Become the only writer, when the one before is done."""
        timeout = self._lock_timeout if wait else 0
        with held(self._path.with_name("state.lock"), timeout=timeout):
            yield Writer(engine=self._engine.execution_options(writes=True), path=self._path)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _create_tables(self) -> None:
        with self._engine.execution_options(writes=True).begin() as connection:
            if _is_blank(connection):
                schema.metadata.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                connection.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION}")

    def _check(self) -> None:
        path = self._path
        with self.reading() as connection:
            if _is_blank(connection):  # its making was interrupted
                raise _no_state(path.parent)
            if _pragma(connection, "application_id") != schema.APPLICATION_ID:
                raise DamagedState(
                    f"{path} is not a state database of deployer", hint="check --state"
                )
            version = _pragma(connection, "user_version")
            if version > schema.VERSION:
                raise NewerState(
                    f"{path} has schema {version}, and this program knows {schema.VERSION}",
                    hint="upgrade deployer: pip install -U mtls-deployer",
                )
            verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if verdict != "ok":
                raise _damaged(path, str(verdict))


def _engine(path: Path, lock_timeout: float) -> Engine:
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        # Bound values include certificates and sealed keys: never in an error message.
        hide_parameters=True,
        connect_args={"timeout": lock_timeout},
    )

    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # WAL's default may lose the last commit
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        # A transaction that reads first and writes later could find itself overtaken.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without the extension bits
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise Locked(
                f"{path} is locked by another program",
                hint="wait for it to end, or give --lock-timeout more seconds",
            ) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise _damaged(path, str(cause)) from error
        if code in {
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN,
        }:
            raise StateError(
                f"{path}: {cause}", hint=f"df {path.parent}; ls -la {path.parent}"
            ) from error
        raise


@contextmanager
def _accessible(directory: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _no_state(directory) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise StateError(f"{directory} is not a directory", hint="check --state") from error
    except OSError as error:
        raise StateError(
            f"{error.filename or directory}: {error.strerror}",
            hint=f"ls -la {directory}; df {directory}",
        ) from error


def _damaged(path: Path, verdict: str) -> DamagedState:
    return DamagedState(
        f"{path} is damaged: {verdict}",
        hint=f"move {path.parent} aside and restore it from a backup",
    )


def _check_private(path: Path) -> None:
    found = path.stat()
    if found.st_mode & _OTHERS:
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise ExposedState(
            f"others may read {path}, which protects the CA", hint=f"chmod {mode} {path}"
        )


def _no_state(directory: Path) -> NoState:
    return NoState(
        f"there is no CA in {directory}",
        hint="deployer ca init founds one; if you had one, bring its directory back from a backup",
    )


def _is_blank(connection: Connection) -> bool:
    return _pragma(connection, "schema_version") == 0  # counts every change of the tables


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
