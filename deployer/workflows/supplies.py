"""What operators bring along: the files of a project that hold what others issued, read once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography import x509

from deployer.apache.compile import Leaf
from deployer.errors import DeployerError
from deployer.pki import supplied
from deployer.pki.keys import key_digest
from deployer.pki.supplied import Document
from deployer.spec.server import ServerSpec
from deployer.spec.supplied import CertificateFiles, ClientAuthority

Wanted = TypeVar("Wanted")
Found = TypeVar("Found")


class NotSupplied(DeployerError):
    """Files of the project that cannot be used: all of them, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """An authority of somebody else's, with what is above it, and their revocation lists."""

    certificates: tuple[x509.Certificate, ...]
    lists: tuple[x509.CertificateRevocationList, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplies:
    """Everything that the sites of a run are given, by what their specs say of it."""

    leaves: Mapping[CertificateFiles, Leaf] = field(default_factory=dict, repr=False)
    authorities: Mapping[ClientAuthority, Foreign] = field(default_factory=dict)


def read_supplies(specs: Iterable[ServerSpec], root: Path) -> Supplies:
    """
    Read every file that sites name, relative to the project's directory.

    Each is read once, however many hosts share it, and everything that is wrong is told at once.
    """
    vhosts = [vhost for spec in specs for vhost in spec.vhosts]
    wanted = dict.fromkeys(vhost.certificate.files for vhost in vhosts)
    trusted = dict.fromkeys(
        one
        for vhost in vhosts
        if vhost.client_auth.verify != "none"
        for one in vhost.client_auth.authorities
    )
    reading = _Reading(root)
    leaves = {
        files: leaf
        for files in wanted
        if files is not None and (leaf := reading.attempt(reading.leaf, files)) is not None
    }
    authorities = {
        one: foreign
        for one in trusted
        if one.file is not None and (foreign := reading.attempt(reading.authority, one)) is not None
    }
    if reading.problems:
        hints = dict.fromkeys(error.hint for error in reading.problems if error.hint)
        messages = dict.fromkeys(error.message for error in reading.problems)
        raise NotSupplied("\n".join(messages), hint="; ".join(hints))
    return Supplies(leaves=leaves, authorities=authorities)


class _Reading:
    """The files of a project while they are read, and what is wrong so far."""

    def __init__(self, root: Path) -> None:
        self.problems: list[DeployerError] = []
        self._root = root

    def attempt(self, read: Callable[[Wanted], Found], wanted: Wanted) -> Found | None:
        """Read something, or remember why that cannot be."""
        try:
            return read(wanted)
        except DeployerError as error:
            self.problems.append(error)
            return None

    def leaf(self, files: CertificateFiles) -> Leaf:
        """Read a certificate, its chain and its key."""
        found = supplied.read_certificate(
            self._document(files.certificate),
            None if files.chain is None else self._document(files.chain),
            self._document(files.private_key),
        )
        return Leaf(
            fullchain=found.fullchain,
            key_digest=key_digest(found.private_key),
            key=found.private_key,
        )

    def authority(self, wanted: ClientAuthority) -> Foreign:
        """Read an authority and its lists."""
        return Foreign(
            certificates=supplied.read_authorities(self._document(wanted.file or "")),
            lists=() if wanted.crl is None else supplied.read_lists(self._document(wanted.crl)),
        )

    def _document(self, name: str) -> Document:
        try:
            return Document(name=name, content=(self._root / Path(name).expanduser()).read_bytes())
        except OSError as error:
            raise NotSupplied(
                f"cannot read {name}: {error.strerror}",
                hint=f"files are looked for from {self._root}",
            ) from error
        except RuntimeError as error:
            raise NotSupplied(f"{name}: there is no such home directory") from error
