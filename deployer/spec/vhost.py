"""
Virtual hosts: what one site of a host should serve, and to whom.

The fields are the keys of `apache_vhosts` in an inventory, with every default decided. What is
in a spec can be written into an Apache file and a certificate as it stands.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from deployer.pki.keys import KeyType
from deployer.pki.names import InvalidName, dns_name
from deployer.pki.profiles import SERVER
from deployer.spec.model import Spec
from deployer.spec.supplied import CertificateSource, ClientAuthority, GivenAuthority, GivenSource
from deployer.spec.text import absolute_path, checked

HTTPS_PORT = 443
SHORTEST_LIFETIME = timedelta(hours=1)
LONGEST_LIFETIME = SERVER.longest or SERVER.lifetime

_LIFETIME = re.compile(r"([0-9]{1,6})\s*([dh])")
_URL_PATH = re.compile(r"/[A-Za-z0-9/._~@:+,;=-]*")
_BACKEND = re.compile(
    r"(?P<origin>http://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:\[\]]+)(?::(?P<port>[0-9]{1,5}))?)"
    r"(?P<path>/.*)?"
)


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
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) <= 65535:  # noqa: PLR2004
        raise ValueError(f"{port!r} is not a port from 1 to 65535")
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


def _verify(value: object) -> object:
    if isinstance(value, bool):
        meant = "require" if value else "none"
        said = "true" if value else "false"
        raise ValueError(f"YAML reads this as {said}: write {meant}")  # noqa: TRY004
    return value


def _at_least_one(authorities: tuple[ClientAuthority, ...]) -> tuple[ClientAuthority, ...]:
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


def _url_path(text: str) -> str:
    if not _URL_PATH.fullmatch(text) or ".." in text.split("/") or "//" in text:
        raise ValueError("is not a path of a URL: /, letters, digits and ._~@:+,;=-")
    return text


def _backend(text: str) -> str:
    found = _BACKEND.fullmatch(checked(text))
    if found is None:
        # Over TLS Apache takes any backend for the right one, unless it is told whom to expect.
        hint = ", for https backends cannot be verified yet" if text.startswith("https") else ""
        raise ValueError(f"must be http://host[:port][/path]{hint}")
    if found["port"] is not None and not 0 < int(found["port"]) <= 65535:  # noqa: PLR2004
        raise ValueError(f"{found['port']} is not a port from 1 to 65535")
    host = found["host"]
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        try:
            dns_name(host)
        except InvalidName as error:
            raise ValueError(error.message) from error
    _url_path(found["path"] or "/")
    return text


ServerName = Annotated[str, AfterValidator(_name(wildcard=False))]
ServerAlias = Annotated[str, AfterValidator(_name(wildcard=True))]
Listen = Annotated[int | str, BeforeValidator(_listen)]
Depth = Annotated[int, BeforeValidator(no_boolean), Field(ge=1, le=20)]
Lifetime = Annotated[
    timedelta,
    BeforeValidator(_lifetime),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,6} *[dh]$"}),
]


class ProxyRoute(Spec):
    """A path of a site that another server answers (`ProxyPass`)."""

    path: Annotated[str, AfterValidator(_url_path)]
    to: Annotated[str, AfterValidator(_backend)]

    @model_validator(mode="after")
    def _slashes_agree(self) -> Self:
        """Give both a slash at the end, or neither: Apache replaces one text by the other."""
        bare = self.to.rstrip("/")
        to = f"{bare}/" if self.path.endswith("/") else bare
        object.__setattr__(self, "to", to)
        return self


class ClientAuth(Spec):
    """Who may come in: how a site judges client certificates."""

    verify: Annotated[Literal["require", "optional", "none"], BeforeValidator(_verify)] = "require"
    depth: Depth | None = None
    """None: as long as the chains of the authorities are."""
    authorities: Annotated[
        tuple[GivenAuthority, ...],
        AfterValidator(_at_least_one),
        Field(json_schema_extra={"minItems": 1}),
    ] = (ClientAuthority(),)
    revocation: Literal["chain", "leaf", "none"] = "chain"


class VhostSpec(Spec):
    """One site: a name on an address, what it serves, its certificate and its clients."""

    server_name: ServerName
    server_aliases: tuple[ServerAlias, ...] = ()
    listen: Listen = HTTPS_PORT
    document_root: Annotated[str, AfterValidator(absolute_path)] | None = None
    proxy: tuple[ProxyRoute, ...] = ()
    certificate: GivenSource = CertificateSource()
    key_type: KeyType = KeyType.P256
    lifetime: Lifetime = SERVER.lifetime
    client_auth: ClientAuth = ClientAuth()
    tls: Literal["intermediate", "modern"] = "intermediate"

    @model_validator(mode="after")
    def _serves_something(self) -> Self:
        if self.document_root is None and not self.proxy:
            raise ValueError("document_root or proxy is needed: it serves nothing")
        paths = [route.path for route in self.proxy]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        if twice:
            raise ValueError(f"proxy has {', '.join(twice)} twice")
        return self

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(str(self.listen).rpartition(":")[2])

    @property
    def ip(self) -> str | None:
        """The one address it listens on, or None for all of them."""
        if isinstance(self.listen, int):
            return None
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def address(self) -> str:
        """What stands in `<VirtualHost …>`."""
        return f"*:{self.listen}" if isinstance(self.listen, int) else self.listen

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it answers to, and that its certificate holds."""
        return tuple(dict.fromkeys((self.server_name, *self.server_aliases)))

    @property
    def slug(self) -> str:
        """What its files are called: different for different sites of one host."""
        ip = "" if self.ip is None else f"_{self.ip.replace(':', '-')}"
        port = "" if self.port == HTTPS_PORT else f"_{self.port}"
        return f"{self.server_name}{ip}{port}"
