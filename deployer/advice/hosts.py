"""Advice on what a host itself has: versions, other people's sites, room for reloads."""

import ipaddress
from collections.abc import Iterator

from deployer.advice.context import Context
from deployer.advice.finding import Said, Severity, on_host, on_site
from deployer.platforms import Version
from deployer.spec.vhost import VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

TLS_1_3_APACHE: Version = (2, 4, 36)
TLS_1_3_OPENSSL: Version = (1, 1, 1)
WEBSOCKET: Version = (2, 4, 47)
KEEPS_SESSIONS_APART: Version = (2, 4, 64)
FEWEST_PROCESSES = 6
PREFORK = "mpm_prefork"


@on_site(
    "MTLS-701",
    ERROR,
    "the host knows no TLS 1.3",
    why="`modern` is TLS 1.3 and nothing else, which Apache has since 2.4.36 with OpenSSL 1.1.1. "
    "On an older one no protocol is left, and the server ends at its reload (AH02231).",
    fix="set tls: intermediate",
)
def knows_no_tls_1_3(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find `modern` on an old host."""
    found = context.seen
    if site.tls == "modern":
        if found.apache and found.apache < TLS_1_3_APACHE:
            yield f"tls: modern on Apache {_written(found.apache)}"
        elif found.openssl and found.openssl < TLS_1_3_OPENSSL:
            yield f"tls: modern on OpenSSL {_written(found.openssl)}"


@on_site(
    "MTLS-702",
    ERROR,
    "the host's Apache passes no WebSocket on",
    why="`ProxyPass … upgrade=websocket` is there since Apache 2.4.47; an older one refuses the "
    "line.",
    fix="leave websocket out, or bring the host a newer Apache",
)
def passes_no_websocket(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find WebSockets on an old host."""
    apache = context.seen.apache
    if apache and apache < WEBSOCKET:
        for route in site.proxy:
            if route.websocket:
                yield f"{route.path}: websocket on Apache {_written(apache)}"


@on_host(
    "MTLS-703",
    WARNING,
    "a session of one site opens another",
    why="Before 2.4.64 (CVE-2025-23048) a client that was let in by one site resumed its TLS "
    "session at another of the same address, without a name in its handshake, and was let in "
    "there although that site trusts another authority. The lines that name the issuer refuse it "
    "still; sites of others on the address may have none. A distribution may have mended an older "
    "version.",
    fix="bring the host a newer Apache; until then give sites with different authorities "
    "different ports",
)
def resumes_across_sites(context: Context) -> Iterator[Said]:
    """Find sites of one address with different trust on an old host."""
    apache = context.seen.apache
    if not apache or apache >= KEEPS_SESSIONS_APART:
        return
    for address in sorted({site.address for site in context.spec.vhosts}):
        trusts = {
            site.client_auth.authorities if site.client_auth.verify != "none" else ()
            for site in context.spec.vhosts
            if site.address == address
        }
        asked = [one for one in trusts if one]
        if asked and len(trusts) > 1:
            yield address, f"sites with different authorities on Apache {_written(apache)}"


@on_host(
    "MTLS-704",
    NOTE,
    "HTTP/2 is asked for and not spoken",
    why="mod_http2 does not work with the prefork MPM: it says so in the log (AH10034), and "
    "clients get HTTP/1.1.",
    fix="switch the host to mpm_event, which PHP needs php-fpm for; or leave out http2",
)
def speaks_no_http2(context: Context) -> Iterator[Said]:
    """Find HTTP/2 on prefork."""
    existing = context.seen.existing
    with_http2 = [site.slug for site in context.spec.vhosts if site.http2]
    if existing is not None and PREFORK in existing.modules and with_http2:
        yield PREFORK, f"http2 of {_listed(with_http2)} has no effect"


@on_host(
    "MTLS-705",
    WARNING,
    "somebody else's site answers first",
    why="Clients that name no site, or an unknown one, are answered by the first site of an "
    "address, by its rules: with its certificate, and its authorities if it asks for any.",
    fix="have that file read after ours, or give it another address; its owner must know",
)
def comes_second(context: Context) -> Iterator[Said]:
    """Find addresses of ours where others come first."""
    for address in dict.fromkeys(site.address for site in context.spec.vhosts):
        if site := context.seen.first(address):
            yield address, f"{site.server_name} in {site.file} is the default there"


@on_host(
    "MTLS-706",
    NOTE,
    "plain HTTP is somebody else's by default",
    why="A redirect of ours answers to the names of its site. What names another, or none, is "
    "answered by the first site of the port.",
    fix="nothing, if that site is harmless; else have its file read after ours",
)
def redirects_second(context: Context) -> Iterator[Said]:
    """Find redirects on an address where others come first."""
    redirects = [site.redirect_address for site in context.spec.vhosts if site.redirect_port]
    for address in dict.fromkeys(redirects):
        if site := context.seen.first(address):
            yield address, f"{site.server_name} in {site.file} is the default there"


@on_host(
    "MTLS-707",
    WARNING,
    "long requests leave no room for reloads",
    why="A reload begins new processes, and each old one stays until its last request is over. "
    "With `ServerLimit 4` and one download held per reload the fourth reload left no process for "
    "new connections (AH03490): handshakes timed out for as long as the downloads ran.",
    fix="raise ServerLimit to 16 or more in the server's own files, and restart it",
)
def has_no_room(context: Context) -> Iterator[Said]:
    """Find a small `ServerLimit`; with prefork a request holds a slot, and not a whole process."""
    existing = context.seen.existing
    if existing is None or PREFORK in existing.modules:
        return
    limit, room = existing.scoreboard.server_limit, existing.scoreboard.room
    if limit < FEWEST_PROCESSES:
        reloads = f"{limit} reload{'' if limit == 1 else 's'}"
        yield "ServerLimit", f"{limit}: after {reloads} during long requests none can start"
    elif not room:
        yield "ServerLimit", f"{limit}: all are in use now, and a reload must wait for one to end"


@on_site(
    "MTLS-708",
    ERROR,
    "the host has no such address",
    why="Apache ends when it cannot listen on an address (AH00072), and with it every site of the "
    "host; neither the syntax test nor a rehearsal apart from the network shows it.",
    fix="correct listen, or leave the address out: a port alone is every address, also one that "
    "moves between hosts",
)
def has_no_such_address(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find IPv4 addresses that are not the host's."""
    own = context.seen.addresses
    if site.ip is None or not own:
        return
    ip = ipaddress.ip_address(site.ip)
    if ip.version == 4 and not ip.is_unspecified and not ip.is_loopback and site.ip not in own:  # noqa: PLR2004
        yield f"listen: {site.listen}, and the host has {', '.join(sorted(own))}"


@on_site(
    "MTLS-709",
    WARNING,
    "somebody else's site has the name already",
    why="Of two sites with one name Apache serves the first, and says nothing. Where that is the "
    "other one the run ends at its probe, and is undone.",
    fix="disable the other site, if this one replaces it",
)
def has_a_namesake(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find others' sites with a name of ours, on the same address."""
    for other in context.seen.others(site.address):
        if other.server_name.lower() in site.names:
            yield f"{other.server_name} is in {other.file} as well"


@on_host(
    "MTLS-710",
    ERROR,
    "somebody else's site would no longer answer first",
    why="Whoever reaches that site by an address, or by a name that it does not list, would find "
    "ours in its place. A rehearsal shows it, and the run ends there.",
    fix="set mtls_default_vhost: leave; or give the sites of deployer another address or port",
)
def displaces(context: Context) -> Iterator[Said]:
    """Find addresses whose default would become ours."""
    deny = context.spec.default_vhost == "deny"
    sites = context.spec.vhosts
    redirects = [site.redirect_address for site in sites if site.redirect_port]
    for address in dict.fromkeys([*(site.address for site in sites), *redirects]):
        if site := context.seen.displaced(address, deny=deny):
            yield address, f"{site.server_name} in {site.file} is the default there today"


def _written(version: Version) -> str:
    return ".".join(map(str, version))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""  # noqa: PLR2004 - the two shown
    return f"{', '.join(names[:2])}{more}"


RULES = (
    knows_no_tls_1_3,
    passes_no_websocket,
    resumes_across_sites,
    speaks_no_http2,
    comes_second,
    redirects_second,
    has_no_room,
    has_no_such_address,
    has_a_namesake,
    displaces,
)
