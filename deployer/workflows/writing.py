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


def _in_the_way(path: Path) -> Path | None:
    """Find the file that stands where a directory should be."""
    for one in reversed(path.parents):
        if os.path.lexists(one) and not os.path.isdir(one):  # noqa: PTH112 - it never raises
            return one
    return None
