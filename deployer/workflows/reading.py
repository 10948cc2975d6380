"""Reading a file that the operator named, and saying which one could not be read."""

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
