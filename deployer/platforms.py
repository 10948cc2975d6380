"""
What a release is resolved for: the layout, and the versions of the host's Apache and OpenSSL.

Some words kill an older server, and some protection exists in newer ones only. Nothing but this
decides which are written.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from deployer.existing import Existing
from deployer.layouts import LAYOUTS, Layout
from deployer.observation import Observation

Version = tuple[int, ...]
"""2.4.66 is (2, 4, 66), so that versions compare."""

OLDEST_APACHE: Version = (2, 4, 37)
"""What RHEL 8 has: the oldest with TLS 1.3, of which a host is assumed when nothing is known."""
OLDEST_OPENSSL: Version = (1, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One host's Apache, as far as its configuration depends on it."""

    layout: Layout
    apache: Version
    openssl: Version
    """What mod_ssl is linked with, or would be."""
    shared: bool = True
    """Whether somebody else's sites have TLS on it, or may have."""
    bare_ports: tuple[int, ...] = ()
    """
    Ports on which no virtual host of others answers, but the server itself with a site of its own.

    The first virtual host there, a redirect perhaps, would take that site away.
    """

    @classmethod
    def assumed(cls, layout: Layout) -> Self:
        """Assume the oldest of everything, for a host that nobody has seen."""
        return cls(layout=layout, apache=OLDEST_APACHE, openssl=OLDEST_OPENSSL)


def platform_of(found: Observation, wanted: Layout | None) -> Platform | None:
    """
    Say what a release for a host is resolved for; None where no layout of ours fits.

    `wanted` is what the inventory says, and wins over what was found. But where Apache itself says
    what it listens on, and where its pid file is, that is so.
    """
    layout = wanted or LAYOUTS.get(found.layout)
    if layout is None:
        return None
    existing = found.existing
    if existing is not None:
        layout = replace(
            layout,
            listens=existing.ports(layout.root),
            pid_file=existing.pid_file or layout.pid_file,
        )
    return Platform(
        layout=layout,
        apache=version_of(found.apache_version) or OLDEST_APACHE,
        openssl=version_of(found.openssl_version) or OLDEST_OPENSSL,
        shared=existing is None or _is_shared(existing, layout),
        bare_ports=existing.bare_ports(layout.root) if existing else (),
    )


def _is_shared(existing: Existing, layout: Layout) -> bool:
    """Say whether somebody else's site has TLS; what a package made for nobody has no visitors."""
    return any(
        site.tls and not site.is_placeholder(layout.placeholder)
        for site in existing.others(layout.root)
    )


def version_of(text: str) -> Version:
    """Read `2.4.66` or `3.0.17` or `1.1.1w`; what is no number ends it, and nothing gives ()."""
    return tuple(_numbers(text.split(".")))


def _numbers(parts: Iterable[str]) -> Iterable[int]:
    for part in parts:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            return
        yield int(digits)
        if digits != part:
            return
