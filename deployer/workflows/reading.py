"""Reading a file that the operator named, and saying which one could not be read."""

import stat
from pathlib import Path

from deployer.errors import DeployerError


class CannotRead(DeployerError):
    """A file cannot be read, or is not what it was said to be."""


def read_file(file: Path) -> bytes:
    """Read a file whole."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise CannotRead(f"cannot read {file}: {error.strerror}") from error


def others_may_read(file: Path) -> bool:
    """
    Say whether a file that holds a secret can be read by more than its owner.

    Nothing is said of what is no plain file: a pipe is gone when somebody else comes.
    """
    try:
        mode = file.stat().st_mode
    except OSError as error:
        raise CannotRead(f"cannot read {file}: {error.strerror}") from error
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))
