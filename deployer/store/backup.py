"""
Backups of a state: one private file, made while others write, and brought back whole.

What happened after a backup was made, the state that comes from it does not know. Its lists
count as due, so that no host is given one older than the one it has.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from deployer.errors import DeployerError
from deployer.store import register
from deployer.store.audit import BrokenJournal
from deployer.store.chain import Kind, record
from deployer.store.copies import drafted, sync
from deployer.store.database import Database, leftovers, making
from deployer.store.faults import DamagedState, NoState, StateError, accessible, explained
from deployer.store.journal import Journal


class CannotBackUp(DeployerError):
    """The backup cannot be written where it was asked for."""


class CannotRestore(DeployerError):
    """The backup is none, or there is something where it should go."""


def backup(database: Database, file: Path) -> None:
    """
    Write a copy of the state that is consistent, whoever writes meanwhile.

    Whole or not at all, and never over another file: a link, unlike a move, replaces nothing.
    """
    if file.is_dir():
        raise CannotBackUp(f"{file} is a directory", hint="give the name of a file in it")
    try:
        with explained(database.path), drafted(database.path, file) as draft:
            os.link(draft, file)
    except FileExistsError as error:
        raise CannotBackUp(f"{file} is there already", hint="give another name") from error
    except OSError as error:
        raise CannotBackUp(
            f"cannot write {file}: {error.strerror}", hint=f"ls -la {file.parent}; df {file.parent}"
        ) from error


def restore(file: Path, directory: Path, *, now: datetime, lock_timeout: float) -> None:
    """
    Bring a state back from a backup, to a directory that has none.

    It is opened, checked and brought up to date in a room of its own, and moves in last.
    """
    if not file.is_file():
        raise CannotRestore(
            f"there is no file {file}", hint="give one that `deployer ca backup` wrote"
        )
    path = directory / "state.db"
    with (
        _unmade(directory),
        making(directory, lock_timeout=lock_timeout),
        accessible(directory),
    ):
        _check_vacant(path, lock_timeout=lock_timeout)
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=directory) as room:
            with _blaming(file), explained(file), drafted(file, Path(room, "state.db")) as draft:
                draft.replace(Path(room, "state.db"))
            with (
                _blaming(file),
                Database.open(Path(room), now=now, lock_timeout=lock_timeout) as database,
            ):
                head = Journal(database).verify().head
                with database.reading() as connection:
                    if not register.everyone(connection):
                        raise CannotRestore(f"{file} holds no CA", hint="try another")
                with database.writer() as writer, writer.transaction() as connection:
                    record(connection, Kind.STATE_RESTORED, at=now, head=head)
            sync(Path(room, "state.db"))
            Path(room, "state.db").replace(path)
        sync(directory)


def _check_vacant(path: Path, *, lock_timeout: float) -> None:
    """Refuse to replace anything but a state in which nothing was ever founded."""
    if path.exists() and path.stat().st_size:
        with Database(path, lock_timeout=lock_timeout) as database:
            try:
                vacant = database.is_vacant()
            except StateError:  # damaged, or somebody else's: not ours to replace
                vacant = False
        if not vacant:
            raise CannotRestore(
                f"there is a state in {path.parent} already",
                hint=f"move {path.parent} aside first",
            )
    if rest := leftovers(path):
        # SQLite would take them for part of what is put beside them.
        raise CannotRestore(
            f"{rest[0]} is left of a state that is gone, or is in use",
            hint=f"move {path.parent} aside first",
        )


@contextmanager
def _unmade(directory: Path) -> Iterator[None]:
    """Leave no directory behind that was not there before, if the block fails."""
    made = [one for one in (directory, *directory.parents) if not one.exists()]
    try:
        yield
    except BaseException:
        if directory in made:
            for name in (".gitignore", "state.lock"):
                (directory / name).unlink(missing_ok=True)
        with suppress(OSError):  # something is in it that is not ours
            for one in made:
                one.rmdir()
        raise


@contextmanager
def _blaming(file: Path) -> Iterator[None]:
    """Say that it is the backup that will not do, and not the state."""
    try:
        yield
    except (DamagedState, NoState, BrokenJournal) as error:
        raise CannotRestore(f"{file} is no whole backup: {error}", hint="try another") from error
    except OSError as error:
        raise CannotRestore(f"cannot read {file}: {error.strerror}") from error
