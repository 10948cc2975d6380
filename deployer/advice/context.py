"""
What advice is given about: a host's spec, and what else is known when it is given.

Offline little more is known than what somebody wrote; after a survey the host itself has spoken.
Whatever is unknown is empty, and rules that need it are silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from deployer.apache.compile import DEFAULT_FIRST
from deployer.existing import Existing, Site
from deployer.pki.material import Problem
from deployer.platforms import Version
from deployer.spec.server import ServerSpec
from deployer.spec.supplied import ClientAuthority
from deployer.spec.vhost import VhostSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """An authority of somebody else's, as its files in the project have it."""

    certificates: tuple[x509.Certificate, ...]
    lists: tuple[x509.CertificateRevocationList, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A host that was looked at, as far as it concerns what we are about to add."""

    apache: Version = ()
    openssl: Version = ()
    addresses: frozenset[str] = frozenset()
    """The host's own IPv4 addresses."""
    root: str = "/"
    """The directory below which the sites are ours."""
    vhost_dir: str = "/"
    placeholder: str | None = None
    """The certificate of a site that a package makes to have something there."""
    existing: Existing | None = None
    """What its Apache says of itself."""

    def others(self, address: str) -> tuple[Site, ...]:
        """Name the sites on an address that somebody else wrote for somebody."""
        found = self.existing.others(self.root) if self.existing else ()
        return tuple(site for site in found if site.address == address)

    def first(self, address: str) -> Site | None:
        """Name somebody else's site that answers by default once ours are there."""
        default = self._default(address)
        if default is None or default.is_below(self.root):
            return None
        sites = self.existing.sites if self.existing else ()
        ours_are_there = any(one.address == address and one.is_below(self.root) for one in sites)
        return default if ours_are_there or self._comes_before_us(default.file) else None

    def displaced(self, address: str, *, deny: bool) -> Site | None:
        """Name somebody else's site that answers by default today, and would not any more."""
        default = self._default(address)
        taken = default is not None and deny and not self._comes_before_us(default.file)
        if default is None:
            # Whoever names an address wins there over those that name none.
            default = self._default(f"*:{address.rpartition(':')[2]}")
            taken = default is not None
        if default is None or default.is_below(self.root):
            return None
        return default if taken and not default.is_placeholder(self.placeholder) else None

    def _default(self, address: str) -> Site | None:
        sites = self.existing.sites if self.existing else ()
        return next((one for one in sites if one.address == address and one.default), None)

    def _comes_before_us(self, file: str) -> bool:
        """Say whether a file is read before ours; what stands outside of the directory is."""
        directory, _, name = file.rpartition("/")
        return directory != self.vhost_dir or name < DEFAULT_FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One host, and everything that rules may know about it."""

    spec: ServerSpec
    now: datetime
    seen: Seen = Seen()
    brought: Mapping[ClientAuthority, Brought] = field(default_factory=dict)
    listed: frozenset[x509.Certificate] = frozenset()
    """Authorities whose lists are on record."""
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Lines as `htpasswd` writes them, by the name of their file."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with certificates, authorities and lists in files of the project."""
    elsewhere: Mapping[str, tuple[tuple[str, VhostSpec], ...]] = field(default_factory=dict)
    """Sites of every host of the run with the hosts' names, by the name that they answer to."""
