"""
Virtual hosts: what one site of a host should serve, and to whom.

The fields are the keys of `apache_vhosts` in an inventory, with every default decided. What is
in a spec can be written into an Apache file and a certificate as it stands.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from deployer.pki.keys import KeyType
from deployer.pki.profiles import SERVER
from deployer.spec.access import WITH_PASSWORD, AllowRule, Passwords, PathRule, Telling
from deployer.spec.fields import (
    Depth,
    Hsts,
    Lifetime,
    Listen,
    Redirect,
    ServerAlias,
    ServerName,
    TemplateName,
    at_least_one,
    verify_word,
)
from deployer.spec.model import Spec
from deployer.spec.proxy import NOT_PROXIED, ProxyRoute
from deployer.spec.supplied import CertificateSource, ClientAuthority, GivenAuthority, GivenSource
from deployer.spec.text import absolute_path, raw_lines

HTTPS_PORT = 443
HTTP_PORT = 80


class ClientAuth(Spec):
    """Who may come in: how a site judges client certificates."""

    verify: Annotated[Literal["require", "optional", "none"], BeforeValidator(verify_word)] = (
        "require"
    )
    depth: Depth | None = None
    """None: as long as the chains of the authorities are."""
    authorities: Annotated[
        tuple[GivenAuthority, ...],
        AfterValidator(at_least_one),
        Field(json_schema_extra={"minItems": 1}),
    ] = (ClientAuthority(),)
    revocation: Literal["chain", "leaf", "none"] = "chain"
    allow: tuple[AllowRule, ...] = ()
    """Any of these; empty: everyone whom one of the authorities certified."""
    identity: Telling = Telling()


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
    paths: tuple[PathRule, ...] = ()
    passwords: Passwords | None = None
    tls: Literal["intermediate", "modern"] = "intermediate"
    http2: bool = False
    """By choice: over HTTP/2 browsers do not learn why a handshake refused them. Firefox hangs."""
    redirect_http: Redirect = None
    """Where plain HTTP is answered with the way here; None: on port 80 for a site on 443."""
    hsts: Hsts = None
    """Seconds for which browsers must use TLS for this name (`Strict-Transport-Security`)."""
    extra: Annotated[str, AfterValidator(raw_lines)] = ""
    """Lines for the end of the virtual host, as Apache reads them."""
    template: TemplateName | None = None
    """A template of the project's own, below `templates/apache/`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        wrong = tuple(nonsense(self))
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def redirect_port(self) -> int | None:
        """The port on which plain HTTP is answered with the way here."""
        if self.redirect_http is None:
            return HTTP_PORT if self.port == HTTPS_PORT else None
        if isinstance(self.redirect_http, bool):
            return HTTP_PORT if self.redirect_http else None
        return self.redirect_http

    @property
    def redirect_address(self) -> str:
        """What stands in `<VirtualHost …>` of its redirect."""
        address = self.address.rpartition(":")[0]
        return f"{address}:{self.redirect_port}"

    @property
    def origin(self) -> str:
        """Its URL without a path."""
        port = "" if self.port == HTTPS_PORT else f":{self.port}"
        return f"https://{self.server_name}{port}"

    @property
    def asks_for_passwords(self) -> bool:
        """Say whether a password is part of any rule."""
        return any(rule.auth in WITH_PASSWORD for rule in self.paths)

    @property
    def tls_route(self) -> ProxyRoute | None:
        """A route to a backend with TLS; where there are several, they agree in whom they trust."""
        return next((route for route in self.proxy if route.is_tls), None)

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


def nonsense(site: VhostSpec) -> Iterator[str]:
    """Say what contradicts itself in a site: each part of it may be right by itself."""
    if site.document_root is None and not any(route.to != NOT_PROXIED for route in site.proxy):
        yield "document_root or proxy is needed: it serves nothing"
    for what, paths in (
        ("proxy", [route.path for route in site.proxy]),
        ("paths", [rule.path for rule in site.paths]),
    ):
        if twice := [path for path, count in Counter(paths).items() if count > 1]:
            yield f"{what} has {', '.join(twice)} twice"
    if site.redirect_port == site.port:
        yield f"redirect_http: port {site.port} is where the site itself listens"
    yield from _nonsense_of_backends(site)
    yield from _nonsense_of_clients(site)
    yield from _nonsense_of_passwords(site)


def _nonsense_of_backends(site: VhostSpec) -> Iterator[str]:
    # They are settings of a whole virtual host to Apache.
    tls = [route for route in site.proxy if route.is_tls]
    if len({route.identity for route in tls}) > 1:
        yield "proxy: https backends of one site must be shown the same identity"
    if len({route.authority for route in tls}) > 1:
        yield "proxy: https backends of one site must have the same authority"


def _nonsense_of_clients(site: VhostSpec) -> Iterator[str]:
    verify = site.client_auth.verify
    asking = [rule for rule in site.paths if rule.auth != "public"]
    if verify == "none":
        if site.client_auth.allow or asking:
            what = "allow" if site.client_auth.allow else f"paths: {asking[0].path}"
            yield f"{what} needs certificates: client_auth.verify must be require or optional"
        return
    for rule in site.paths:
        if verify == "require" and rule.auth in {"public", "certificate_or_password"}:
            yield (
                f"paths: {rule.path}: with verify: require nobody gets so far without a "
                "certificate: set client_auth.verify: optional"
            )
        elif rule.auth == "public" and not any(one.covers(rule.path) for one in asking):
            yield (
                f"paths: {rule.path}: nothing around it is closed, so it is public as it is: "
                "close the rest with {path: /, auth: certificate}"
            )
    if verify == "optional" and site.client_auth.allow and not asking:
        yield (
            "allow: with verify: optional everybody comes in who shows no certificate: set "
            "client_auth.verify: require, or give paths of certificates"
        )


def _nonsense_of_passwords(site: VhostSpec) -> Iterator[str]:
    if not site.asks_for_passwords:
        return
    if site.passwords is None:
        yield "passwords is missing: which password?"
    if site.client_auth.identity.remote_user is not None:
        # Whoever has a certificate would count as logged in, and no password be asked for.
        yield "client_auth.identity.remote_user switches passwords off: leave one of them out"
