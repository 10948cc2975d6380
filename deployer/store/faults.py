"""
What can be wrong with a state, and what to type next.

    StateError        the state cannot be read or written
    ├── NoState       there is none
    ├── ExposedState  others can read it
    ├── DamagedState  it is not what was written
    └── NewerState    a newer program has changed its form
"""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from deployer.errors import DeployerError, Locked

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


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says into what an operator can act on."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise damaged(path, "a text in it is not UTF-8") from error
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without the extension bits
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise Locked(
                f"{path} is locked by another program",
                hint="wait for it to end",
            ) from error
        # Python's own complaint about a cell that is no text comes without a code of SQLite's.
        undecodable = str(cause).startswith("Could not decode to UTF-8")
        if undecodable or code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise damaged(path, str(cause)) from error
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
def accessible(directory: Path) -> Iterator[None]:
    """Turn what the file system says into what an operator can act on."""
    try:
        yield
    except FileNotFoundError as error:
        raise no_state(directory) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise StateError(f"{directory} is not a directory", hint="check --state") from error
    except OSError as error:
        raise StateError(
            f"{error.filename or directory}: {error.strerror}",
            hint=f"ls -la {directory}; df {directory}",
        ) from error


def check_private(path: Path) -> None:
    """Refuse a file or directory that others can read."""
    found = path.stat()
    if found.st_mode & _OTHERS:
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise ExposedState(
            f"others may read {path}, which protects the CA", hint=f"chmod {mode} {path}"
        )


def damaged(path: Path, verdict: str) -> DamagedState:
    """Say that a database is not whole, and how to get one that is."""
    return DamagedState(
        f"{path} is damaged: {verdict}",
        hint=f"move {path.parent} aside, then: deployer ca restore BACKUP",
    )


def no_state(directory: Path) -> NoState:
    """Say that there is nothing, and how there can be something."""
    return NoState(
        f"there is no CA in {directory}",
        hint="deployer ca init founds one; if you had one: deployer ca restore BACKUP",
    )
