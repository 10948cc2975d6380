"""Advice on lines of `extra` that are not about clients: names, backends, broken lines."""

import re
from collections.abc import Iterator

from deployer.advice.context import Context
from deployer.advice.finding import Severity, on_line, on_site
from deployer.advice.lines import Line, read
from deployer.spec.vhost import VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

_RAW = frozenset({"require", "sslrequire", "errordocument", "rewritecond", "rewriterule"})
"""They read their own arguments, and a lone quote means itself there."""
_ELSEWHERE = frozenset({"include", "includeoptional", "use"})
_KNOWN_VARIABLES = re.compile(r"DEPLOYER_RELEASE|APACHE_[A-Z_]+")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_WHO_THE_BACKEND_IS = {
    "sslproxyverify": frozenset({"none", "optional"}),
    "sslproxycheckpeername": frozenset({"off"}),
    "sslproxycheckpeercn": frozenset({"off"}),
    "sslproxycheckpeerexpire": frozenset({"off"}),
}
_PASSES_ON = frozenset({"proxypass", "proxypassmatch", "balancermember"})


@on_line(
    "MTLS-115",
    ERROR,
    "a quote begins and does not end",
    why='Apache accepts `Header set X "abc` without a word: the rest of the line is the value. '
    "Neither the syntax test nor a rehearsal shows it.",
    fix="end the quote",
)
def leaves_a_quote_open(line: Line, _: VhostSpec) -> str:
    """Find an argument whose quote does not end."""
    broken = line.open_quote and line.name not in _RAW
    return f"{line.written} has a quote that does not end" if broken else ""


@on_line(
    "MTLS-116",
    NOTE,
    "extra includes what nobody here has read",
    why="Everything that these pages say about `extra` holds for lines in another file, or in a "
    "macro, as well; they are on the host, and were not looked into.",
    fix="put the lines themselves into extra",
)
def includes(line: Line, _: VhostSpec) -> str:
    """Find `Include` and its like."""
    what = line.arguments[0] if line.arguments else "nothing"
    return f"{line.written} {what} is not looked into" if line.name in _ELSEWHERE else ""


@on_line(
    "MTLS-117",
    ERROR,
    "extra gives the site another name or another port",
    why="A name that is given here is in no certificate, and nobody sees that another site has it "
    "already: Apache serves the first of the two, silently. `Listen` is for the whole server.",
    fix="set server_name, server_aliases and listen",
)
def renames(line: Line, _: VhostSpec) -> str:
    """Find names and ports."""
    names = {"servername", "serveralias", "serverpath", "listen"}
    return f"{line.written} belongs to the site itself" if line.name in names else ""


@on_line(
    "MTLS-118",
    ERROR,
    "any backend would do",
    why="By itself Apache takes any backend for the right one. What is switched off here is all "
    "that tells it from somebody in between.",
    fix="set authority on the route: {file: …} for another CA, with its CRL",
)
def believes_any_backend(line: Line, _: VhostSpec) -> str:
    """Find what no longer verifies backends."""
    doubtful = line.first in _WHO_THE_BACKEND_IS.get(line.name, ())
    return f"{line.written} {line.first} verifies less of backends" if doubtful else ""


@on_line(
    "MTLS-119",
    ERROR,
    "extra brings an identity for backends",
    why="A file with an encrypted key, or with one that does not fit, ends the server at its "
    "reload (AH02252, AH02326); the syntax test passes.",
    fix="set identity on the route, by the name of one of our identities",
)
def brings_an_identity(line: Line, _: VhostSpec) -> str:
    """Find certificates for backends."""
    brings = line.name.startswith("sslproxymachinecertificate")
    return f"{line.written} names a file that nobody checks" if brings else ""


@on_line(
    "MTLS-120",
    WARNING,
    "a backend with TLS is not verified",
    why="`SSLProxyVerify` is `none` unless something says otherwise: any certificate with a "
    "matching name is good enough, whoever signed it.",
    fix="make it a route in proxy, which verifies: {path: …, to: https://…}",
)
def passes_on_unverified(line: Line, site: VhostSpec) -> str:
    """Find an https backend where neither a route of ours nor a line verifies it."""
    secure = any(word.startswith(("https://", "h2://", "wss://")) for word in line.words)
    verified = site.tls_route is not None or any(
        one.name == "sslproxyverify" and one.first == "require" for one in read(site.extra)
    )
    unverified = line.name in _PASSES_ON and secure and not verified
    return f"{line.written} to a backend whose certificate nobody verifies" if unverified else ""


@on_line(
    "MTLS-121",
    ERROR,
    "the site is a proxy for everybody",
    why="With `ProxyRequests on` whoever comes in may ask it to fetch anything from anywhere, the "
    "hosts behind it included.",
    fix="leave it out: proxy needs it off",
)
def is_an_open_proxy(line: Line, _: VhostSpec) -> str:
    """Find a forward proxy."""
    forward = line.name == "proxyrequests" and line.first == "on"
    return "ProxyRequests on makes an open proxy" if forward else ""


@on_line(
    "MTLS-122",
    NOTE,
    "a variable that Apache may not know",
    why="`${NAME}` is expanded everywhere, quotes or not, from `Define` and from the environment "
    "that Apache was started with. What nobody defined stays as it is, and the site serves "
    "something else than was meant.",
    fix="write the value itself",
)
def names_a_variable(line: Line, _: VhostSpec) -> str:
    """Find variables that are not ours or the distribution's."""
    found = _VARIABLE.findall(line.rest)
    unknown = [one for one in found if not _KNOWN_VARIABLES.fullmatch(one)]
    return f"{line.written} uses ${{{unknown[0]}}}" if unknown else ""


@on_line(
    "MTLS-123",
    WARNING,
    "extra says whom to believe for a backend",
    why="A file that is named here is on the host, and nobody looks into it: with half a "
    "certificate in it the server ends at its reload, and the syntax test passes; with a list "
    "that is over every backend is refused.",
    fix="set authority on the route: {file: …, crl: …}",
)
def trusts_for_backends(line: Line, _: VhostSpec) -> str:
    """Find authorities and lists for backends."""
    trusts = line.name.startswith(("sslproxycacertificate", "sslproxycarevocation"))
    return f"{line.written} names files that nobody checks" if trusts else ""


@on_site(
    "MTLS-124",
    NOTE,
    "a template of the project's own writes the site",
    why="What these pages say about `extra` holds for its lines as well, and they are not looked "
    "into: a template may leave out whatever the inventory asks for. The rehearsal and the probe "
    "judge what comes of it.",
    fix="read the shipped template beside it after every upgrade; extra is enough for most sites",
)
def is_written_by_others(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find sites with a template of their own."""
    if site.template is not None:
        yield f"template: {site.template}"


@on_line(
    "MTLS-125",
    WARNING,
    "TRACE is answered past every rule",
    why="Apache answers TRACE before it asks who may come in, with the request as it came: on a "
    "closed path too, and with the headers that were added on the way.",
    fix="leave TraceEnable out",
)
def answers_trace(line: Line, _: VhostSpec) -> str:
    """Find TRACE switched on again."""
    again = line.name == "traceenable" and line.first in {"on", "extended"}
    return f"{line.written} {line.first} answers past every rule" if again else ""


RULES = (
    leaves_a_quote_open,
    includes,
    renames,
    believes_any_backend,
    brings_an_identity,
    passes_on_unverified,
    is_an_open_proxy,
    names_a_variable,
    trusts_for_backends,
    is_written_by_others,
    answers_trace,
)
