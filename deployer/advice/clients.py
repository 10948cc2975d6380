"""Advice on whom a site lets in, and on what it tells others about them."""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from deployer.advice.context import Context
from deployer.advice.finding import Severity, on_site
from deployer.spec.access import AllowRule
from deployer.spec.proxy import NOT_PROXIED
from deployer.spec.vhost import HTTP_PORT, VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

_SHARED = frozenset({"o", "ou"})
_DOMAIN = re.compile(r"\*[^*@.?]")


@on_site(
    "MTLS-401",
    WARNING,
    "revoked certificates are let in",
    why="With `revocation: none` nobody looks into a list: whoever loses a key, or leaves, comes "
    "in until the certificate ends.",
    fix="set client_auth.revocation: chain, and bring the list of another CA with it: "
    "{file: …, crl: …}",
)
def never_looks_into_lists(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find sites that ask for certificates and not for lists."""
    if site.client_auth.verify != "none" and site.client_auth.revocation == "none":
        yield "client_auth.revocation is none"


@on_site(
    "MTLS-402",
    NOTE,
    "a revoked authority is believed",
    why="With `revocation: leaf` only the list of the issuer is looked into: an intermediate that "
    "its root revoked still let its clients in.",
    fix="set client_auth.revocation: chain, with a list of every authority up to the root",
)
def believes_revoked_authorities(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find sites that look into the issuer's list alone."""
    if site.client_auth.verify != "none" and site.client_auth.revocation == "leaf":
        yield "client_auth.revocation is leaf"


@on_site(
    "MTLS-403",
    NOTE,
    "everyone who is certified is allowed",
    why="A certificate says who somebody is. Without an allow list that is enough, for everybody "
    "whom the authority has certified or ever will.",
    fix="name whom you mean: client_auth.allow: [{ou: …}], or allow in paths",
)
def allows_everybody(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find sites, and paths of them, where any certificate will do."""
    told = site.client_auth
    if told.verify == "none" or told.allow:
        return
    open_paths = [rule.path for rule in site.paths if rule.auth != "public" and not rule.allow]
    if told.verify == "require":
        yield "client_auth.allow is empty"
    elif open_paths:
        yield f"no allow for {', '.join(open_paths)}"


@on_site(
    "MTLS-404",
    WARNING,
    "one name may belong to two people",
    why="Each authority hands out names as it likes: the `alice` of one may be somebody else than "
    "the `alice` of the other, and rules and backends see the name alone.",
    fix="give each authority a site of its own; or tell them apart in allow, with o or serial",
)
def mixes_authorities(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find names that are relied on where several authorities hand them out."""
    told = site.client_auth
    if told.verify == "none" or len(told.authorities) < 2:  # noqa: PLR2004 - more than one
        return
    rules = (*told.allow, *(one for rule in site.paths for one in rule.allow))
    vague = [one for one in rules if not {"o", "serial"} & one.given.keys()]
    if vague:
        yield f"allow by {_what(vague)} with {len(told.authorities)} authorities"
    elif not rules and (told.identity.remote_user or told.identity.headers):
        yield f"others are told names from {len(told.authorities)} authorities"


@on_site(
    "MTLS-405",
    WARNING,
    "a client is locked out by its own renewal",
    why="A serial number is that of one certificate. The next one of the same client has "
    "another, and is refused.",
    fix="allow by cn, email, dns or upn; and use revocation against a single certificate",
)
def allows_by_serial(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find rules by serial numbers."""
    for rule in _rules(site):
        if rule.serial is not None:
            yield f"allow by serial {rule.serial}"


@on_site(
    "MTLS-406",
    WARNING,
    "a pattern matches other domains as well",
    why="`*corp.example` is meant for what is below a domain, and is true of `evilcorp.example`, "
    "which anybody may register.",
    fix="write the letter before it: *@corp.example for mail, *.corp.example for hosts",
)
def matches_other_domains(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find patterns that leave the beginning of a domain open."""
    for rule in _rules(site):
        for what, pattern in rule.given.items():
            if what in {"email", "dns", "upn"} and _DOMAIN.search(pattern):
                yield f"allow by {what}: {pattern}"


@on_site(
    "MTLS-407",
    WARNING,
    "certificates are asked for, and nothing is done with them",
    why="With `optional` everybody comes in, certified or not. Browsers ask their users for a "
    "certificate all the same, and whoever picks one of another authority sees no page at all: "
    "the handshake is refused.",
    fix="set client_auth.verify: require or none; or give paths, or identity",
)
def asks_in_vain(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find optional certificates that neither open a path nor are passed on."""
    asks = any(rule.auth != "public" for rule in site.paths)
    if site.client_auth.verify == "optional" and not asks and not _tells(site):
        yield "verify: optional, with no path for certificates and no identity passed on"


@on_site(
    "MTLS-408",
    WARNING,
    "somebody is told who the client is, and nobody asks it",
    why="With `verify: none` no client is asked for a certificate: headers and variables are "
    "empty, and the user is nobody.",
    fix="set client_auth.verify: optional or require, or take identity out",
)
def tells_nothing(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find identities that nobody shows."""
    if site.client_auth.verify == "none" and _tells(site):
        yield "client_auth.identity with verify: none"


@on_site(
    "MTLS-409",
    NOTE,
    "the backend also serves clients without a certificate",
    why="With `optional` the headers are empty for whoever shows no certificate; that the backend "
    "takes an empty name for nobody is for the backend to do.",
    fix="have the backend look for SUCCESS in the header with verify, or close its paths with auth",
)
def tells_of_strangers(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find headers that may be empty."""
    told = site.client_auth
    if told.verify == "optional" and told.identity.headers and _backends(site):
        judged = "verify" in told.identity.headers.values()
        yield "headers are empty without a certificate" + ("" if judged else ", and none says so")


@on_site(
    "MTLS-410",
    WARNING,
    "identities travel unprotected",
    why="A header is believed because of where it comes from. On the way to another host anybody "
    "in between can read it and write it, and whoever reaches the backend directly can be anyone.",
    fix="reach the backend with https and an identity, or on the same host",
)
def tells_in_the_open(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find identity headers to a backend elsewhere without TLS."""
    if not site.client_auth.identity.headers:
        return
    for target in _backends(site):
        if target.startswith("http://") and not _is_here(target):
            yield f"identity headers to {target}"


@on_site(
    "MTLS-411",
    NOTE,
    "headers for a backend that is not there",
    why="`identity.headers` tells backends of `proxy`. Without one, programs on the host itself "
    "see them, which have better in their environment.",
    fix="set client_auth.identity.environment: true, or add a route to proxy",
)
def tells_nobody(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find headers without a route, ours or one in `extra`."""
    if site.client_auth.identity.headers and not _backends(site) and not site.extra:
        yield "client_auth.identity.headers without proxy"


@on_site(
    "MTLS-412",
    WARNING,
    "the user's name is not theirs alone",
    why="What becomes the user in logs and applications must be one person's. An organization or "
    "a unit of it is many people's, and with several authorities so may every name be.",
    fix="use remote_user: cn, email or upn, with one authority",
)
def names_many_alike(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find users named after what they share."""
    user = site.client_auth.identity.remote_user
    if user is None or site.client_auth.verify == "none":
        return
    if user in _SHARED:
        yield f"remote_user: {user} is the same for many"
    elif len(site.client_auth.authorities) > 1:
        yield f"remote_user: {user} is given out by {len(site.client_auth.authorities)} authorities"


@on_site(
    "MTLS-413",
    WARNING,
    "the site is its own backend",
    why="The redirect on this port answers for the site's name, and a request that is passed on "
    "keeps that name: the backend's answer is 301 to where the client came from, for ever.",
    fix="set redirect_http: false if something else answers there, or give the backend a port of "
    "its own",
)
def comes_back_to_itself(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find backends that are the redirect of the site."""
    here = {site.ip} if site.ip else context.seen.addresses
    for route in site.proxy:
        target = urlsplit(route.to)
        if target.scheme != "http" or (target.port or HTTP_PORT) != site.redirect_port:
            continue
        named = target.hostname in site.names
        # Beside a backend with TLS the name is not kept: then an address reaches no site of ours.
        kept = site.tls_route is None
        if named or (kept and (target.hostname in here or (not site.ip and _is_here(route.to)))):
            yield f"{route.to} is this site's own redirect"


def _rules(site: VhostSpec) -> Iterator[AllowRule]:
    yield from site.client_auth.allow
    for rule in site.paths:
        yield from rule.allow


def _what(rules: list[AllowRule]) -> str:
    return " and ".join(dict.fromkeys(name for rule in rules for name in rule.given))


def _tells(site: VhostSpec) -> bool:
    told = site.client_auth.identity
    return bool(told.environment or told.headers or told.remote_user)


def _backends(site: VhostSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(route.to for route in site.proxy if route.to != NOT_PROXIED))


def _is_here(target: str) -> bool:
    host = urlsplit(target).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


RULES = (
    never_looks_into_lists,
    believes_revoked_authorities,
    allows_everybody,
    mixes_authorities,
    allows_by_serial,
    matches_other_domains,
    asks_in_vain,
    tells_nothing,
    tells_of_strangers,
    tells_in_the_open,
    tells_nobody,
    names_many_alike,
    comes_back_to_itself,
)
