"""Proxying: which paths of a site other servers answer, and how they know each other."""

import ipaddress
import re
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from deployer.pki.names import InvalidName, dns_name, identity_name
from deployer.spec.access import url_path
from deployer.spec.model import Spec
from deployer.spec.supplied import TrustedAuthority
from deployer.spec.text import checked

NOT_PROXIED = "!"
"""In place of a backend: this path is the site's own."""
SERVERS = "servers"

_BACKEND = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/.*)?"
)


def _backend(text: str) -> str:
    if text == NOT_PROXIED:
        return text
    found = _BACKEND.fullmatch(checked(text))
    if found is None:
        raise ValueError("must be http://host[:port][/path], the same with https, or !")
    if found["port"] is not None and not 0 < int(found["port"]) <= 65535:  # noqa: PLR2004
        raise ValueError(f"{found['port']} is not a port from 1 to 65535")
    url_path(found["path"] or "/")
    start, end = found.span("host")
    return text[:start] + _host(found["host"], found["scheme"]) + text[end:]


def _host(host: str, scheme: str) -> str:
    """Check a backend's address or name; a name as DNS has it, for Apache knows no other form."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        try:
            return dns_name(host)
        except InvalidName as error:
            raise ValueError(error.message) from error
    if host.startswith("[") != (address.version == 6):  # noqa: PLR2004 - IPv6
        raise ValueError("an IPv6 address, and no other, stands in brackets")
    if scheme == "https":
        # SSLProxyCheckPeerName looks for names alone, and not for addresses.
        raise ValueError("must name the backend: Apache verifies no address in a certificate")
    return host


def _identity(name: str) -> str:
    try:
        return identity_name(checked(name))
    except InvalidName as error:
        raise ValueError(error.message) from error


class BackendAuthority(TrustedAuthority):
    """Who certified a backend."""

    OURS = SERVERS


class ProxyRoute(Spec):
    """A path of a site that another server answers (`ProxyPass`)."""

    path: Annotated[str, AfterValidator(url_path)]
    to: Annotated[str, AfterValidator(_backend)]
    websocket: bool = False
    identity: Annotated[str, AfterValidator(_identity)] | None = None
    """The client certificate to show to the backend: one of ours, by name."""
    authority: BackendAuthority | None = None
    """Who must have certified the backend; None means our own authority for servers."""

    @model_validator(mode="after")
    def _fits_its_backend(self) -> Self:
        if not self.is_tls and (self.identity is not None or self.authority is not None):
            word = "authority" if self.identity is None else "identity"
            raise ValueError(f"{word} is for https backends")
        if self.to == NOT_PROXIED:
            if self.websocket:
                raise ValueError("websocket is for backends")
            return self
        # A slash at the end of both, or of neither: Apache replaces one text by the other.
        bare = self.to.rstrip("/")
        to = f"{bare}/" if self.path.endswith("/") else bare
        object.__setattr__(self, "to", to)
        return self

    @property
    def is_tls(self) -> bool:
        """Say whether the backend is reached with TLS."""
        return self.to.startswith("https://")
