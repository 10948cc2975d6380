"""What operators bring along: the files of a project that hold what others issued, read once."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography import x509

from deployer.apache.material import Leaf
from deployer.apache.passwords import read_passwords, write_passwords
from deployer.errors import DeployerError
from deployer.pki import supplied
from deployer.pki.keys import key_digest
from deployer.pki.supplied import Document
from deployer.spec.proxy import BackendAuthority
from deployer.spec.server import ServerSpec
from deployer.spec.supplied import CertificateFiles, ClientAuthority
from deployer.spec.vhost import VhostSpec

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
    backends: Mapping[BackendAuthority, Foreign] = field(default_factory=dict)
    passwords: Mapping[str, bytes] = field(default_factory=dict, repr=False)


class SupplyReader:
    """The files of a project, each read once, however many hosts share it."""

    def __init__(self, root: Path) -> None:
        """Names of files are relative to `root`, the project's directory."""
        self._root = root
        self._leaves: dict[CertificateFiles, Leaf | DeployerError] = {}
        self._authorities: dict[ClientAuthority, Foreign | DeployerError] = {}
        self._backends: dict[BackendAuthority, Foreign | DeployerError] = {}
        self._passwords: dict[str, bytes | DeployerError] = {}

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
        behind = dict.fromkeys(route.authority for vhost in vhosts if (route := vhost.tls_route))
        backends = {
            one: foreign
            for one in behind
            if one is not None
            and one.file is not None
            and (foreign := _attempt(self._authority, one, self._backends, problems)) is not None
        }
        passwords = {
            file: content
            for file in dict.fromkeys(map(_password_file, vhosts))
            if file is not None
            and (content := _attempt(self._password, file, self._passwords, problems)) is not None
        }
        if problems:
            hints = dict.fromkeys(error.hint for error in problems if error.hint)
            messages = dict.fromkeys(error.message for error in problems)
            raise NotSupplied("\n".join(messages), hint="; ".join(hints))
        return Supplies(
            leaves=leaves, authorities=authorities, backends=backends, passwords=passwords
        )

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

    def _password(self, name: str) -> bytes:
        """Read a file of passwords, and write it as hosts get it."""
        return write_passwords(read_passwords(name, self._document(name).content))

    def _authority(self, wanted: ClientAuthority | BackendAuthority) -> Foreign:
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


def _password_file(vhost: VhostSpec) -> str | None:
    """Name the file of passwords that a site asks for, if it does."""
    given = vhost.passwords if vhost.asks_for_passwords else None
    return None if given is None else given.file


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
