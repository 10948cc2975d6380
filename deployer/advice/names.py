"""Advice on names and addresses: which site of a host answers whom."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from deployer.advice.context import Context
from deployer.advice.finding import Said, Severity, on_host, on_site
from deployer.advice.lines import read
from deployer.spec.vhost import VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@on_host(
    "MTLS-501",
    ERROR,
    "a wildcard takes another site's name",
    why="Apache asks the sites of an address in the order of their files, and takes the first "
    "that answers to a name, by a wildcard too: the other site's clients would be judged by the "
    "wrong rules and served the wrong pages, without a word in any log.",
    fix="give the site with the wildcard a server_name that comes later in the alphabet, or list "
    "its aliases one by one",
)
def takes_names(context: Context) -> Iterator[Said]:
    """Find names that an earlier site answers to with a wildcard."""
    wildcards: dict[str, list[tuple[str, VhostSpec]]] = {}
    for site in sorted(context.spec.vhosts, key=lambda one: f"{one.slug}.conf"):
        for alias, earlier in wildcards.get(site.address, ()):
            taken = [name for name in site.names if name != alias and _matches(name, alias)]
            if taken:
                yield site.slug, f"{taken[0]} is taken by {alias} of {earlier.slug}"
        own = [(alias, site) for alias in site.server_aliases if "*" in alias]
        wildcards.setdefault(site.address, []).extend(own)


@on_host(
    "MTLS-502",
    WARNING,
    "a site is not served on every address",
    why="A site on one address hides all sites on `*` there: for a connection to that address "
    "Apache asks only those that name it.",
    fix="give the sites of a port all an address, or none",
)
def is_hidden(context: Context) -> Iterator[Said]:
    """Find sites on all addresses beside sites on one."""
    names: dict[str, set[str]] = {}
    hiding: dict[int, set[str]] = {}
    for site in context.spec.vhosts:
        names.setdefault(site.address, set()).update(site.names)
        if site.ip is not None:
            hiding.setdefault(site.port, set()).add(site.address)
    for site in context.spec.vhosts:
        around = hiding.get(site.port, set()) if site.ip is None else set()
        hidden = [one for one in sorted(around) if not names[one].issuperset(site.names)]
        if hidden:
            yield site.slug, f"is not served on {', '.join(hidden)}, where another site is"


@on_host(
    "MTLS-503",
    NOTE,
    "one name, two addresses",
    why="Which of the two sites a client reaches is decided by the address that it connects to, "
    "and their rules may differ.",
    fix="write one site, and leave its address out; or make sure that both are meant",
)
def is_there_twice(context: Context) -> Iterator[Said]:
    """Find names that sites on several addresses of one port have."""
    known: dict[tuple[str, int], str] = {}
    for site in context.spec.vhosts:
        others = {known.setdefault((name, site.port), site.address) for name in site.names}
        for address in sorted(others - {site.address}):
            yield site.slug, f"its name is on {address} as well"


@on_site(
    "MTLS-504",
    NOTE,
    "one name, different rules on two hosts",
    why="Whoever reaches the name through a load balancer is judged by one host now and by "
    "another later. Sites that are alike on all their hosts are not reported.",
    fix="write client_auth and paths once, for the group of both hosts",
)
def differs_elsewhere(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find sites of one name that judge clients differently."""
    for host, other in context.elsewhere.get(site.server_name, ()):
        alike = (other.client_auth, other.paths) == (site.client_auth, site.paths)
        if host != context.spec.host and other.port == site.port and not alike:
            yield f"{site.server_name} has other client_auth or paths on {host}"
            return


@on_host(
    "MTLS-505",
    WARNING,
    "a client that names no site is served by one",
    why="With `default_vhost: leave` unknown names, and clients that send none, are answered by "
    "the first site that Apache finds on the address, by that site's rules for clients.",
    fix="leave mtls_default_vhost out: deny",
)
def has_no_default(context: Context) -> Iterator[Said]:
    """Find hosts that leave the first site to chance."""
    if context.spec.default_vhost == "leave" and context.spec.vhosts:
        yield "default_vhost", "leave"


@on_site(
    "MTLS-506",
    WARNING,
    "browsers are bound to an authority that they may not know",
    why="With HSTS a browser lets nobody past a certificate that it does not trust, for as long "
    "as was said. One without your root in it, or with the successor of it not yet there, is "
    "locked out with no way around.",
    fix="leave hsts out, or bring a public certificate: certificate: {files: …} or {on_host: …}",
)
def binds_browsers(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find HSTS beside a certificate of ours."""
    if not site.certificate.is_issued:
        return
    if site.hsts:
        yield f"hsts: {site.hsts} with a certificate of our own authority"
    elif any(
        line.name == "header" and "strict-transport-security" in line.words
        for line in read(site.extra)
    ):
        yield "Strict-Transport-Security in extra with a certificate of our own authority"


@on_site(
    "MTLS-507",
    WARNING,
    "the certificate cannot be renewed over HTTP",
    why="An ACME server asks on port 80 and follows redirects. It has no client certificate, so "
    "a site that requires one refuses it, and the certificate ends.",
    fix="give the site a document_root, which the redirect serves challenges from; or renew "
    "with dns-01",
)
def refuses_challenges(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find certificates of somebody else's behind a redirect that knows no challenges."""
    elsewhere = site.certificate.on_host is not None and site.document_root is None
    if elsewhere and site.redirect_port == 80 and site.client_auth.verify == "require":  # noqa: PLR2004
        yield "an ACME server would be sent on to a site that requires a certificate"


@on_site(
    "MTLS-508",
    WARNING,
    "the site serves more than a site",
    why="Whatever Apache's workers can read below `document_root` is served: accounts, "
    "configuration, what other programs left for everybody to read.",
    fix="serve a directory that holds the site and nothing else",
)
def serves_too_much(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find directories of the system as the root of a site."""
    if site.document_root in {"/", "/etc", "/home", "/root", "/var", "/usr", "/tmp", "/opt"}:  # noqa: S108
        yield f"document_root: {site.document_root}"


def _matches(name: str, pattern: str) -> bool:
    """Match as Apache does: its `*` stands for dots as well."""
    return fnmatchcase(name.replace("*", "x"), pattern)


RULES = (
    takes_names,
    is_hidden,
    is_there_twice,
    differs_elsewhere,
    has_no_default,
    binds_browsers,
    refuses_challenges,
    serves_too_much,
)
