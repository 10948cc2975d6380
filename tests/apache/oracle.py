"""
What a host's variables ask of Apache, said a second time and as simply as can be.

Nothing here is the program's: the directives are worked out from the variables as somebody wrote
them, without a spec and without a template. The order counts among directives of one name alone.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from tests.apache.expressions import Request, globbed
from tests.apache.parser import Directive, parse

RELEASE = "${DEPLOYER_RELEASE}"
ISSUERS_VARIABLE = "SSL_CLIENT_I_DN"
VARIABLES = {
    "cn": "SSL_CLIENT_S_DN_CN",
    "ou": "SSL_CLIENT_S_DN_OU",
    "o": "SSL_CLIENT_S_DN_O",
    "email": "SSL_CLIENT_SAN_Email_0",
    "dns": "SSL_CLIENT_SAN_DNS_0",
    "upn": "SSL_CLIENT_SAN_OTHER_msUPN_0",
    "serial": "SSL_CLIENT_M_SERIAL",
    "subject": "SSL_CLIENT_S_DN",
    "issuer": ISSUERS_VARIABLE,
    "verify": "SSL_CLIENT_VERIFY",
    "certificate": "SSL_CLIENT_CERT",
}
HEADERS = {
    "Mtls-Verify": "verify",
    "Mtls-Subject": "subject",
    "Mtls-Name": "cn",
    "Mtls-Serial": "serial",
    "Client-Cert": "certificate",
}
SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
    ":ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
Site = Mapping[str, Any]


class Wanted(NamedTuple):
    """A directive by what it says, however it is written."""

    name: str
    words: tuple[str, ...]
    inside: tuple["Wanted", ...] = ()


def wanted(name: str, *words: object, inside: Iterable[Wanted] = ()) -> Wanted:
    """Make one, with what is inside in an order of its own."""
    return Wanted(name.lower(), tuple(map(str, words)), sorted_by_name(inside))


def read(directives: Sequence[Directive]) -> tuple[Wanted, ...]:
    """Say the same of directives that were parsed."""
    return sorted_by_name(
        Wanted(one.name.lower(), one.words, read(one.inside)) for one in directives
    )


def sorted_by_name(directives: Iterable[Wanted]) -> tuple[Wanted, ...]:
    return tuple(sorted(directives, key=lambda one: one.name))


class SiteOracle(NamedTuple):
    """A site as it was written, and what surrounds it."""

    written: Site
    log_dir: str
    hybrid: bool
    """Whether OpenSSL knows the hybrid key exchange."""
    depth: int
    backend_lists: bool

    @property
    def name(self) -> str:
        return ascii_name(self.written["server_name"])

    @property
    def port(self) -> int:
        return int(str(self.written.get("listen", 443)).rpartition(":")[2])

    @property
    def ip(self) -> str:
        """The address as it stands in Apache's files, or a star."""
        address = str(self.written.get("listen", 443)).strip().rpartition(":")[0]
        if address in {"", "*"}:
            return "*"
        parsed = ipaddress.ip_address(address.strip("[]"))
        return f"[{parsed}]" if parsed.version == 6 else str(parsed)

    @property
    def slug(self) -> str:
        ip = "" if self.ip == "*" else "_" + self.ip.strip("[]").replace(":", "-")
        return self.name + ip + ("" if self.port == 443 else f"_{self.port}")

    @property
    def origin(self) -> str:
        return f"https://{self.name}" + ("" if self.port == 443 else f":{self.port}")

    @property
    def redirect_port(self) -> int | None:
        said = self.written.get("redirect_http")
        if said is None:
            return 80 if self.port == 443 else None
        if isinstance(said, bool):
            return 80 if said else None
        return int(said)

    @property
    def auth(self) -> Site:
        return self.written.get("client_auth") or {}

    @property
    def verify(self) -> str:
        return str(self.auth.get("verify", "require"))

    @property
    def told(self) -> Site:
        return self.auth.get("identity") or {}

    @property
    def on_host(self) -> Site | None:
        certificate = self.written.get("certificate")
        return certificate.get("on_host") if isinstance(certificate, Mapping) else None


AMBIGUOUS = r"[;\x5c]"
"""Letters in paths that backends read in different ways."""


def site_file(site: SiteOracle) -> tuple[Wanted, ...]:
    """Say what the file of a site holds, but for who comes in where."""
    inside = [*_names(site), *_logs(site), *_tls(site), *_clients(site)]
    inside += [*_telling(site), *_proxy(site)]
    inside.append(wanted("LogLevel", "warn", "ssl:info"))
    inside.append(wanted("TraceEnable", "off"))
    inside.append(wanted("SSLStrictSNIVHostCheck", "on"))
    if site.written.get("proxy") and site.written.get("paths"):
        denied = [wanted("AuthMerging", "And"), wanted("Require", "all", "denied")]
        inside.append(wanted("<LocationMatch", AMBIGUOUS, inside=denied))
    if root := site.written.get("document_root"):
        inside.append(wanted("DocumentRoot", bare(root)))
        granted = [wanted("Require", "all", "granted")]
        inside.append(wanted("<Directory", bare(root), inside=granted))
    if site.written.get("http2"):
        inside.append(wanted("Protocols", "h2", "http/1.1"))
    hsts = site.written.get("hsts")
    if hsts is not None and hsts is not False:
        seconds = 63072000 if hsts is True else hsts
        name = "Strict-Transport-Security"
        inside.append(wanted("Header", "always", "set", name, f"max-age={seconds}"))
    # What is from others comes last.
    inside += read(parse(site.written.get("extra", "")))
    made = [wanted("<VirtualHost", f"{site.ip}:{site.port}", inside=inside)]
    if site.redirect_port:
        address = f"{site.ip}:{site.redirect_port}"
        made.append(wanted("<VirtualHost", address, inside=_redirect(site)))
    return tuple(made)


def server_file(
    sites: Sequence[SiteOracle], *, deny: bool, known_ports: Sequence[int]
) -> list[Wanted]:
    """Say what the server's own file holds, on a host that nobody else has sites with TLS on."""
    made: list[Wanted] = []
    by_address = {f"{site.ip}:{site.port}": site for site in reversed(sites)}
    plain = {f"{site.ip}:{site.redirect_port}" for site in sites if site.redirect_port}
    made += [
        wanted("Listen", address.removeprefix("*:"))
        for address in sorted({*by_address, *plain})
        if int(address.rpartition(":")[2]) not in known_ports
    ]
    nobody = [wanted("ServerName", "default.invalid"), wanted("TraceEnable", "off")]
    closed = [wanted("<Location", "/", inside=[wanted("Require", "all", "denied")])]
    if deny:
        for address, site in sorted(by_address.items()):
            logs = [
                wanted("CustomLog", f"{site.log_dir}/deployer.access.log", "deployer_mtls"),
                wanted("ErrorLog", f"{site.log_dir}/deployer.error.log"),
                wanted("LogLevel", "warn", "ssl:info"),
            ]
            inside = [*nobody, *logs, *_tls(site), *closed]
            made.append(wanted("<VirtualHost", address, inside=inside))
        made += [wanted("<VirtualHost", one, inside=nobody + closed) for one in sorted(plain)]
    return made


def open_to(site: SiteOracle, issuers: Sequence[str], request: Request, held: Site) -> bool:
    """Say whether a client who came through the handshake may have a URL."""
    rules = [
        rule
        for rule in site.written.get("paths") or ()
        if f"{request.url}/".startswith(rule["path"].rstrip("/") + "/")
    ]
    rule = max(rules, key=lambda one: len(one["path"].rstrip("/")), default=None)
    certified = request.variables.get("SSL_CLIENT_VERIFY") == "SUCCESS"
    certified = certified and request.variables.get(ISSUERS_VARIABLE) in issuers
    listed = (rule or {}).get("allow") or site.auth.get("allow") or ()
    allowed = certified and (not listed or any(_is(one, held) for one in listed))
    if site.verify == "none" or (rule is None and site.verify == "optional"):
        return True
    match (rule or {}).get("auth", "certificate"):
        case "public":
            return True
        case "certificate_and_password":
            return allowed and request.logged_in
        case "certificate_or_password":
            return allowed or request.logged_in
    return allowed


def _is(rule: Site, held: Site) -> bool:
    """Say whether everything that a rule names is true of a client."""
    for key, pattern in rule.items():
        if pattern is None:
            continue
        if key == "serial":
            number = int(re.sub(r"[\s:]", "", pattern), 16)
            if [number] != [int(one, 16) for one in held.get(key, ())]:
                return False
        elif not any(
            globbed(str(pattern), one, caseless=key in {"email", "dns", "upn"})
            for one in held.get(key, ())
        ):
            return False
    return True


def ascii_name(name: str) -> str:
    star = "*." if name.startswith("*.") else ""
    return star + name.removeprefix("*.").encode("idna").decode().lower()


def bare(path: str) -> str:
    return path.rstrip("/") or "/"


def _names(site: SiteOracle) -> Iterator[Wanted]:
    yield wanted("ServerName", site.name)
    for alias in site.written.get("server_aliases", ()):
        yield wanted("ServerAlias", ascii_name(alias))


def _logs(site: SiteOracle) -> Iterator[Wanted]:
    yield wanted("CustomLog", f"{site.log_dir}/{site.slug}.access.log", "deployer_mtls")
    yield wanted("ErrorLog", f"{site.log_dir}/{site.slug}.error.log")


def _tls(site: SiteOracle) -> Iterator[Wanted]:
    modern = site.written.get("tls") == "modern"
    yield wanted("SSLEngine", "on")
    yield wanted("SSLProtocol", "-all", *([] if modern else ["+TLSv1.2"]), "+TLSv1.3")
    if not modern:
        yield wanted("SSLCipherSuite", SUITES)
    curves = "X25519:prime256v1:secp384r1"
    yield wanted("SSLOpenSSLConfCmd", "Curves", ("X25519MLKEM768:" * site.hybrid) + curves)
    yield wanted("SSLHonorCipherOrder", "off")
    yield wanted("SSLSessionTickets", "off")
    if there := site.on_host:
        yield wanted("SSLCertificateFile", bare(there["certificate"]))
        if there.get("chain"):
            yield wanted("SSLCertificateChainFile", bare(there["chain"]))
        yield wanted("SSLCertificateKeyFile", bare(there["private_key"]))
    else:
        yield wanted("SSLCertificateFile", f"{RELEASE}/tls/{site.slug}/fullchain.pem")
        yield wanted("SSLCertificateKeyFile", f"{RELEASE}/tls/{site.slug}/key.pem")


def _clients(site: SiteOracle) -> Iterator[Wanted]:
    if site.verify == "none":
        return
    yield wanted("SSLVerifyClient", site.verify)
    yield wanted("SSLVerifyDepth", site.depth)
    yield wanted("SSLCACertificateFile", f"{RELEASE}/trust/{site.slug}.pem")
    yield wanted("SSLCADNRequestFile", f"{RELEASE}/trust/{site.slug}.names.pem")
    revocation = site.auth.get("revocation", "chain")
    if revocation != "none":
        yield wanted("SSLCARevocationFile", f"{RELEASE}/crl/{site.slug}.pem")
        yield wanted("SSLCARevocationCheck", revocation)


def _telling(site: SiteOracle) -> Iterator[Wanted]:
    if site.told.get("environment"):
        yield wanted("SSLOptions", "+StdEnvVars")
    if user := site.told.get("remote_user"):
        yield wanted("SSLUserName", VARIABLES[user])
    headers = site.told.get("headers") or {}
    headers = HEADERS if headers is True else headers
    for name in headers:
        words = name.split("-")
        for dashes in product("-_", repeat=len(words) - 1):
            spelt = "".join(map("".join, zip(words, (*dashes, ""), strict=True)))
            yield wanted("RequestHeader", "unset", spelt, "early")
    for name, said in headers.items():
        value = f"%{{{VARIABLES[said]}}}"
        if said not in {"serial", "verify", "certificate"}:
            value = f"%{{escape:{value}}}"
        yield wanted("RequestHeader", "set", name, f"expr={value}")
        if said == "certificate":
            pattern = r"(-----(BEGIN|END) CERTIFICATE-----|\s)"
            yield wanted("RequestHeader", "edit*", name, pattern, "")
            yield wanted("RequestHeader", "edit", name, "^(.+)$", ":$1:")


def _proxy(site: SiteOracle) -> Iterator[Wanted]:
    routes = sorted(site.written.get("proxy") or (), key=lambda one: -len(one["path"]))
    if not routes:
        return
    with_tls = [route for route in routes if route["to"].startswith("https://")]
    yield wanted("ProxyPreserveHost", "off" if with_tls else "on")
    if with_tls:
        yield wanted("SSLProxyEngine", "on")
        yield wanted("SSLProxyProtocol", "-all", "+TLSv1.2", "+TLSv1.3")
        yield wanted("SSLProxyVerify", "require")
        yield wanted("SSLProxyCACertificateFile", f"{RELEASE}/backend/{site.slug}/trust.pem")
        yield wanted("SSLProxyVerifyDepth", site.depth)
        yield wanted("SSLProxyCheckPeerName", "on")
        yield wanted("SSLProxyCheckPeerExpire", "on")
        if site.backend_lists:
            yield wanted("SSLProxyCARevocationFile", f"{RELEASE}/backend/{site.slug}/crl.pem")
            yield wanted("SSLProxyCARevocationCheck", "chain")
        if with_tls[0].get("identity"):
            base = f"{RELEASE}/backend/{site.slug}"
            yield wanted("SSLProxyMachineCertificateFile", f"{base}/identity.pem")
            yield wanted("SSLProxyMachineCertificateChainFile", f"{base}/certificate.pem")
    yield wanted("RequestHeader", "set", "X-Forwarded-Proto", "https")
    told = site.told.get("headers") or {}
    ours = "|".join(["X-Forwarded-Proto", *(HEADERS if told is True else told)])
    yield wanted("RequestHeader", "edit*", "Connection", f"(?i)({ours})", "close", "early")
    for route in routes:
        path, to = route["path"], route["to"]
        if to == "!":
            yield wanted("ProxyPass", path, "!")
            continue
        scheme, _, rest = to.partition("://")
        host, slash, below = rest.partition("/")
        name, colon, port = host.rpartition(":") if re.search(r":[0-9]+$", host) else (host, "", "")
        name = name if name.startswith("[") else ascii_name(name)
        to = f"{scheme}://{name}{colon}{port}{slash}{below}".rstrip("/")
        to += "/" if path.endswith("/") else ""
        websocket = ["upgrade=websocket"] if route.get("websocket") else []
        yield wanted("ProxyPass", path, to, *websocket)
        yield wanted("ProxyPassReverse", path, to)


def _redirect(site: SiteOracle) -> Iterator[Wanted]:
    yield from _names(site)
    yield from _logs(site)
    root = site.written.get("document_root")
    if not (site.on_host and root):
        yield wanted("Redirect", "permanent", "/", f"{site.origin}/")
        return
    challenge = ".well-known/acme-challenge/"
    others = f"^/(?!{challenge.replace('.', chr(92) + '.')})(.*)$"
    yield wanted("DocumentRoot", bare(root))
    yield wanted("RedirectMatch", "permanent", others, f"{site.origin}/$1")
    yield wanted("<Directory", bare(root), inside=[wanted("Require", "all", "denied")])
    yield wanted("<Location", f"/{challenge}", inside=[wanted("Require", "all", "granted")])
