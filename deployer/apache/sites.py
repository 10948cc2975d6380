"""A host's Apache files, rendered: the server's own, and one for each of its sites."""

from collections.abc import Iterator, Mapping

from deployer.apache.access import areas
from deployer.apache.identity import VARIABLES, headers
from deployer.apache.material import Backend, Trust
from deployer.apache.profiles import profiles
from deployer.apache.rendering import Templates
from deployer.platforms import Platform
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec

SNI_POLICY = (2, 4, 66)
"""The first Apache that knows `SSLVHostSNIPolicy`; it is for the whole server."""
SITE = "apache/vhost.conf.j2"


def render_sites(
    spec: ServerSpec,
    platform: Platform,
    trust: Mapping[str, Trust],
    backends: Mapping[str, Backend],
    templates: Templates,
) -> dict[str, str]:
    """
    Render every Apache file of a host, by its path in the release. Needs no key.

    `trust` maps the slug of each virtual host that asks for client certificates, `backends` that
    of each with an https backend.
    """
    sites = {
        "include.conf": templates.render(
            "apache/include.conf.j2", spec.host, layout=platform.layout
        ),
        "sites/000-server.conf": templates.render(
            "apache/server.conf.j2", spec.host, **_server(spec, platform)
        ),
    }
    shared = {"host": spec.host, "layout": platform.layout, "profiles": profiles(platform)}
    for site in spec.vhosts:
        name, slug = f"apache/{site.template}" if site.template else SITE, site.slug
        values = _site(site, trust.get(slug), backends.get(slug))
        subject = f"{spec.host}: {slug}"
        sites[f"sites/{slug}.conf"] = templates.render(name, subject, **shared, **values)
    return sites


def _server(spec: ServerSpec, platform: Platform) -> dict[str, object]:
    deny = spec.default_vhost == "deny"
    first_on = {site.address: site for site in reversed(spec.vhosts)}
    redirects = {site.redirect_address for site in spec.vhosts if site.redirect_port}
    bare = {one for one in redirects if int(one.rpartition(":")[2]) in platform.bare_ports}
    strict = deny and not platform.shared and platform.apache >= SNI_POLICY
    return {
        "host": spec.host,
        "layout": platform.layout,
        "listens": tuple(sorted(_listens(spec, platform), key=str)),
        "sni_policy": "strict" if strict else "",
        "profiles": profiles(platform),
        "defaults": [first_on[address] for address in sorted(first_on)] if deny else (),
        "own_sites": sorted(bare),
        "plain_defaults": sorted(redirects - bare) if deny else (),
    }


def _listens(spec: ServerSpec, platform: Platform) -> set[int | str]:
    """Collect what the server must listen on, and does not by its own configuration."""
    wanted: dict[int | str, int] = {site.listen: site.port for site in spec.vhosts}
    for site in spec.vhosts:
        if site.redirect_port is not None:
            address = site.redirect_address.removeprefix("*:")
            wanted[site.redirect_port if address.isdecimal() else address] = site.redirect_port
    return {listen for listen, port in wanted.items() if port not in platform.layout.listens}


def _site(site: VhostSpec, trust: Trust | None, backend: Backend | None) -> dict[str, object]:
    told = site.client_auth.identity
    return {
        "site": site,
        "trust": trust,
        "backend": backend,
        "areas": areas(site, trust.issuers if trust else ()),
        "headers": headers(told.headers),
        "remote_user": VARIABLES[told.remote_user] if told.remote_user else "",
        # Apache takes the first that fits.
        "routes": sorted(site.proxy, key=lambda route: -len(route.path)),
    }


def modules_for(sites: tuple[VhostSpec, ...]) -> tuple[str, ...]:
    """Name the modules that sites need, as Debian calls them."""
    # Without any site as well: the log format that the server's own file defines is of mod_ssl.
    return tuple(sorted({"ssl", *(module for site in sites for module in _modules(site))}))


def _modules(site: VhostSpec) -> Iterator[str]:
    if site.http2:
        yield "http2"
    if site.redirect_port:
        yield "alias"
    if site.hsts is not None or site.client_auth.identity.headers:
        yield "headers"
    if site.proxy:
        yield from ("headers", "proxy", "proxy_http")
    if site.asks_for_passwords:
        yield from ("auth_basic", "authn_file", "authz_user")
