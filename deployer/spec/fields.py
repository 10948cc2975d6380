"""Fields: single values of a site, checked where YAML hands them over."""

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from deployer.pki.names import InvalidName, dns_name
from deployer.pki.profiles import SERVER
from deployer.spec.supplied import ClientAuthority
from deployer.spec.text import checked

TWO_YEARS = 63_072_000
"""Seconds, as Mozilla's guideline has it for `Strict-Transport-Security`."""
SHORTEST_LIFETIME = timedelta(hours=1)
LONGEST_LIFETIME = SERVER.longest or SERVER.lifetime
LONGEST_HSTS = 2**31
"""Seconds: as large as any number of seconds in a header has to be read (RFC 9111 §1.2.2)."""

_LARGEST_PORT = 65535
_LIFETIME = re.compile(r"([0-9]{1,6})\s*([dh])")
_TEMPLATE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.j2")


def no_boolean(value: object) -> object:
    """Refuse a boolean where a number is meant: `yes` is one to YAML, and 1 to Python."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not yes or no")  # noqa: TRY004 - pydantic's protocol
    return value


def _name(*, wildcard: bool) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            return dns_name(checked(text), wildcard=wildcard)
        except InvalidName as error:
            hint = f", {error.hint}" if error.hint else ""
            raise ValueError(f"{error.message}{hint}") from error

    return check


def _listen(value: object) -> object:
    """Read a port, or an address and a port as Apache's `Listen` writes them."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a port, or address:port")  # noqa: TRY004 - pydantic's protocol
    address, colon, port = str(value).strip().rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) <= _LARGEST_PORT:
        raise ValueError(f"{port!r} is not a port from 1 to {_LARGEST_PORT}")
    if not colon or address == "*":
        return int(port)
    bracketed = address.startswith("[") and address.endswith("]")
    try:
        parsed = ipaddress.ip_address(address[1:-1] if bracketed else address)
    except ValueError as error:
        raise ValueError(f"{address!r} is not an IP address, and Apache would ask DNS") from error
    if bracketed != isinstance(parsed, ipaddress.IPv6Address) or "%" in address:
        raise ValueError("an IPv6 address, and no other, stands in brackets: [2001:db8::1]:443")
    return f"[{parsed}]:{int(port)}" if bracketed else f"{parsed}:{int(port)}"


def verify_word(value: object) -> object:
    """Refuse what YAML has made of an unquoted `no`."""
    if isinstance(value, bool):
        meant = "require" if value else "none"
        said = "true" if value else "false"
        raise ValueError(f"YAML reads this as {said}: write {meant}")  # noqa: TRY004
    return value


def at_least_one(authorities: tuple[ClientAuthority, ...]) -> tuple[ClientAuthority, ...]:
    """Refuse an empty list of authorities."""
    if not authorities:
        raise ValueError("is empty: name one at least, or leave it out for clients of ours")
    return authorities


def _lifetime(value: object) -> object:
    found = _LIFETIME.fullmatch(str(value).strip()) if isinstance(value, str) else None
    if isinstance(value, timedelta):
        lifetime = value
    elif found is not None:
        number = int(found[1])
        lifetime = timedelta(days=number) if found[2] == "d" else timedelta(hours=number)
    else:
        raise ValueError("must be a number of days or hours: 90d, 12h")
    if not SHORTEST_LIFETIME <= lifetime <= LONGEST_LIFETIME:
        raise ValueError(f"must be from 1h to {LONGEST_LIFETIME.days}d, or clients refuse it")
    return lifetime


def _redirect(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, int) or not 0 < value <= _LARGEST_PORT:
        raise ValueError(f"must be true, false, or a port from 1 to {_LARGEST_PORT}")
    return value


def _hsts(value: object) -> object:
    if isinstance(value, bool):
        return TWO_YEARS if value else None
    if value is not None and not (isinstance(value, int) and 0 <= value <= LONGEST_HSTS):
        raise ValueError("must be true, false, or a number of seconds")
    return value


def _template(name: str) -> str:
    if not _TEMPLATE.fullmatch(name):
        raise ValueError(
            "is not the name of a template: letters, digits, ., _, - and .j2 at its end"
        )
    return name


ServerName = Annotated[str, AfterValidator(_name(wildcard=False))]
ServerAlias = Annotated[str, AfterValidator(_name(wildcard=True))]
Listen = Annotated[int | str, BeforeValidator(_listen)]
Depth = Annotated[int, BeforeValidator(no_boolean), Field(ge=1, le=20)]
Lifetime = Annotated[
    timedelta,
    BeforeValidator(_lifetime),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,6} *[dh]$"}),
]


Redirect = Annotated[bool | int | None, BeforeValidator(_redirect)]
Hsts = Annotated[
    int | None,
    BeforeValidator(_hsts),
    WithJsonSchema({"type": ["boolean", "integer"], "minimum": 0}),
]
TemplateName = Annotated[str, AfterValidator(_template)]
