"""What operators bring along: the files of a project that hold what others issued, read once."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
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


class SupplyReader:
    """The files of a project, each read once, however many hosts share it."""

    def __init__(self, root: Path) -> None:
        """Names of files are relative to `root`, the project's directory."""
        self._root = root
        self._leaves: dict[CertificateFiles, Leaf | DeployerError] = {}
        self._authorities: dict[ClientAuthority, Foreign | DeployerError] = {}

    def read(self, specs: Iterable[ServerSpec]) -> Supplies:
        """Read every file that sites name; everything that is wrong is told at once."""
        vhosts = [vhost for spec in specs for vhost in spec.vhosts]
        wanted = dict.fromkeys(vhost.certificate.files for vhost in vhosts)
        trusted = dict.fromkeys(
            one
            for vhost in vhosts
            if vhost.client_auth.verify != "none"
            for one in vhost.client_auth.authorities
        )
        problems: list[DeployerError] = []
        leaves = {
            files: leaf
            for files in wanted
            if files is not None
            and (leaf := _attempt(self._leaf, files, self._leaves, problems)) is not None
        }
        authorities = {
            one: foreign
            for one in trusted
            if one.file is not None
            and (foreign := _attempt(self._authority, one, self._authorities, problems)) is not None
        }
        if problems:
            hints = dict.fromkeys(error.hint for error in problems if error.hint)
            messages = dict.fromkeys(error.message for error in problems)
            raise NotSupplied("\n".join(messages), hint="; ".join(hints))
        return Supplies(leaves=leaves, authorities=authorities)

    def _leaf(self, files: CertificateFiles) -> Leaf:
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

    def _authority(self, wanted: ClientAuthority) -> Foreign:
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


def _attempt(
    read: Callable[[Wanted], Found],
    wanted: Wanted,
    known: MutableMapping[Wanted, Found | DeployerError],
    problems: list[DeployerError],
) -> Found | None:
    """Read something once, or remember why that cannot be."""
    if wanted not in known:
        try:
            known[wanted] = read(wanted)
        except DeployerError as error:
            known[wanted] = error
    found = known[wanted]
    if isinstance(found, DeployerError):
        problems.append(found)
        return None
    return found
