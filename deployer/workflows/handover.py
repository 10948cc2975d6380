"""
The directory in which an identity is handed over: its files, claimed before anything is signed.

A certificate that cannot be handed over is not issued, and nobody's key is ever overwritten.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from deployer.errors import DeployerError
from deployer.store.records import IssuedCertificate

# Windows has no file of such a name, and its shell expands %…% even between quotes.
_NOT_IN_FILES = re.compile(r'[<>:"|?*%]')
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9]) *(?:\.|$)", re.IGNORECASE)


class HandOverError(DeployerError):
    """The files of an identity cannot be written or read."""


class Part(StrEnum):
    """The files of a hand-over, each by what stands behind the name of the identity."""

    CERTIFICATE = "pem"
    KEY = "key"
    AUTHORITY = "ca.pem"
    PKCS12 = "p12"
    COMPATIBLE = "compat.p12"
    TRUSTSTORE = "truststore.p12"
    SHEET = "txt"


PKCS12_PARTS = (Part.PKCS12, Part.COMPATIBLE, Part.TRUSTSTORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """The files of an identity, as they were written."""

    name: str
    directory: Path
    parts: tuple[Part, ...]
    issued: IssuedCertificate = field(repr=False)
    roots: tuple[x509.Certificate, ...] = field(repr=False)
    """What its owner verifies servers by."""
    password: str | None = field(repr=False)
    """Of the PKCS#12 files. Nothing remembers it: whoever is shown it now must keep it."""
    remarks: tuple[str, ...] = ()
    """What is other than whoever asked may expect."""

    def path(self, part: Part) -> Path:
        """Name one of the files."""
        return path_of(self.directory, self.name, part)


class Claim:
    """Files that exist, empty, and wait for their content."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self._name = name

    def write(self, part: Part, content: bytes) -> None:
        """Fill a file, and have it on the disk: what is in it may exist nowhere else."""
        with path_of(self.directory, self._name, part).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def path_of(directory: Path, name: str, part: Part) -> Path:
    """Name a file of an identity."""
    return directory / f"{file_name(name)}.{part.value}"


def file_name(name: str) -> str:
    """Call the files of an identity as every system can."""
    safe = _NOT_IN_FILES.sub("_", name)
    return f"_{safe}" if _DEVICES.match(safe) else safe


@contextmanager
def claimed(directory: Path, name: str, parts: Iterable[Part]) -> Iterator[Claim]:
    """
    Create files that only their owner reads, and take them away again if the block fails.

    `O_EXCL`: what exists is never overwritten. The mode at creation: a later chmod would leave
    a moment in which others could open the file. One directory, one identity: it is handed over
    whole, and the files of somebody else would go with it.
    """
    made: list[Path] = []
    ours = [one for one in (directory, *directory.parents) if not one.exists()]
    _refuse_another(directory, name)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in parts:
            path = path_of(directory, name, part)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            made.append(path)
        yield Claim(directory, name)
    except FileExistsError as error:
        _remove(made, ours)
        raise HandOverError(
            f"{error.filename} exists, and an identity's files are never overwritten",
            hint="choose another directory with -o",
        ) from error
    except OSError as error:
        _remove(made, ours)
        where = error.filename or directory  # a full disk does not say which file it was
        raise HandOverError(f"cannot write {where}: {error.strerror or error}") from error
    except BaseException:
        _remove(made, ours)
        raise


def _refuse_another(directory: Path, name: str) -> None:
    suffix = f".{Part.AUTHORITY.value}"
    try:
        there = sorted(one.name for one in directory.iterdir()) if directory.is_dir() else []
    except OSError as error:
        raise HandOverError(f"cannot read {directory}: {error.strerror}") from error
    owners = [one.removesuffix(suffix) for one in there if one.endswith(suffix)]
    for owner in owners:
        if owner != file_name(name) and f"{owner}.{Part.CERTIFICATE.value}" in there:
            raise HandOverError(
                f"{directory} holds the files of {owner!r}, and is handed over whole",
                hint="choose another directory with -o",
            )


def _remove(made: Iterable[Path], directories: Iterable[Path]) -> None:
    """Remove what was made, unless somebody else has put something into a directory."""
    for path in made:
        path.unlink(missing_ok=True)
    for directory in directories:
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()
