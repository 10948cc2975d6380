"""Copies of a database, made while others write to it, and put in place whole or not at all."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def drafted(source: Path, target: Path) -> Iterator[Path]:
    """
    Copy a database to a private file beside `target`, which is gone again when the block ends.

    Inside the block the copy is complete and on the disk, to be linked or moved to its place.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(draft, flags, 0o600))
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as whole,
            closing(sqlite3.connect(draft, isolation_level=None)) as copy,
        ):
            whole.backup(copy)  # in one step: nobody's commit can come in between
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
        sync(draft)
        yield draft
        sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file or a directory is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
