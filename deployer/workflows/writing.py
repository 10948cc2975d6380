"""Writing the files of a project or of a render, and saying which one could not be written."""

import os
from collections.abc import Mapping
from pathlib import Path

from deployer.errors import DeployerError


class CannotWrite(DeployerError):
    """A file cannot be written where it was wanted."""


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write texts to their paths, making the directories that are missing."""
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            if (file := _in_the_way(path)) is not None:
                raise CannotWrite(f"cannot write {path}: {file} is not a directory") from error
            raise CannotWrite(f"cannot write {error.filename or path}: {error.strerror}") from error


def write_private(path: Path, content: bytes) -> None:
    """
    Create a file that its owner alone may read, and have it on the disk before returning.

    `O_EXCL`: what exists is never overwritten. The mode at creation: a later chmod would leave
    a moment in which others could open the file.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise CannotWrite(f"{path} exists", hint="choose another file") from error
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        _flush(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from error


def _flush(directory: Path) -> None:
    """Have a new name in a directory on the disk as well."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _in_the_way(path: Path) -> Path | None:
    """Find the file that stands where a directory should be."""
    for one in reversed(path.parents):
        if os.path.lexists(one) and not os.path.isdir(one):  # noqa: PTH112 - it never raises
            return one
    return None
