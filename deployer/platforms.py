"""
What a release is resolved for: the layout, and the versions of the host's Apache and OpenSSL.

Some words kill an older server, and some protection exists in newer ones only. Nothing but this
decides which are written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from deployer.layouts import Layout

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

    @classmethod
    def assumed(cls, layout: Layout) -> Self:
        """Assume the oldest of everything, for a host that nobody has seen."""
        return cls(layout=layout, apache=OLDEST_APACHE, openssl=OLDEST_OPENSSL)


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
