"""
Telling others who a client was: headers for a backend, the user for logs and applications.

A header is worth what its scrubbing is worth. Backends read `X_Y` and `X-Y` as one variable, so
every spelling is removed from what the client sent, whatever path it asks for, before ours is set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from deployer.spec.access import Said

CERTIFICATE: Said = "certificate"
VARIABLES: Mapping[str, str] = {
    "cn": "SSL_CLIENT_S_DN_CN",
    "ou": "SSL_CLIENT_S_DN_OU",
    "o": "SSL_CLIENT_S_DN_O",
    "email": "SSL_CLIENT_SAN_Email_0",
    "dns": "SSL_CLIENT_SAN_DNS_0",
    "upn": "SSL_CLIENT_SAN_OTHER_msUPN_0",
    "serial": "SSL_CLIENT_M_SERIAL",
    "subject": "SSL_CLIENT_S_DN",
    "issuer": "SSL_CLIENT_I_DN",
    "verify": "SSL_CLIENT_VERIFY",
    "certificate": "SSL_CLIENT_CERT",
}
_PLAIN = frozenset({"serial", "verify", "certificate"})
"""ASCII by themselves. Names are escaped: a header is no place for other letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One header for the backend."""

    name: str
    expression: str
    """What it is set to: an `expr=`, which is empty, and not `(null)`, where there is nothing."""
    spellings: tuple[str, ...]
    """Every name under which a backend would read it."""
    is_certificate: bool
    """Whether it is written as RFC 9440 has it: base64 between colons, on one line."""


def headers(told: Mapping[str, Said]) -> tuple[Header, ...]:
    """Compile the headers of a site."""
    return tuple(
        Header(
            name=name,
            expression=_expression(said),
            spellings=_spellings(name),
            is_certificate=said == CERTIFICATE,
        )
        for name, said in told.items()
    )


def _expression(said: Said) -> str:
    variable = f"%{{{VARIABLES[said]}}}"
    return f"expr={variable}" if said in _PLAIN else f"expr=%{{escape:{variable}}}"


def _spellings(name: str) -> tuple[str, ...]:
    first, *words = name.split("-")
    return tuple(
        first + "".join(f"{dash}{word}" for dash, word in zip(dashes, words, strict=True))
        for dashes in product("-_", repeat=len(words))
    )
