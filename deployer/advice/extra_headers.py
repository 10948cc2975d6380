"""Advice on lines of `extra` that set headers or send clients elsewhere."""

import re

from deployer.advice.finding import Severity, on_line
from deployer.advice.lines import Line, read
from deployer.spec.vhost import VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

_HEADERS = frozenset({"requestheader", "header"})
_CLIENT = re.compile(r"SSL_CLIENT_|REMOTE_USER")
_LITERAL = re.compile(r"%\{SSL_[A-Z0-9_]+\}s", re.IGNORECASE)
_SETS = frozenset({"set", "setifempty", "add", "append", "merge"})
_KEEPS_THE_CLIENTS = frozenset({"setifempty", "add", "append", "merge"})
_CONDITION = ("env=", "expr=", "early")
_SAMPLES = ("", "a", "a b", "-----BEGIN CERTIFICATE-----")
_SENDS_ELSEWHERE = frozenset(
    {"redirect", "redirectmatch", "redirectpermanent", "redirecttemp", "rewriterule", "header"}
)
_HOST = re.compile(r"%\{(?:HTTP_HOST|HTTP:Host|req:Host)\}", re.IGNORECASE)


@on_line(
    "MTLS-301",
    ERROR,
    "a pattern that matches nothing ends a worker",
    why='`RequestHeader edit* X ".*" ""` ends the worker with a segmentation fault whenever the '
    "header is there (Apache 2.4.71, AH00052): whoever sends one crashes the server.",
    fix="use a pattern that needs at least one letter: .+ in place of .*",
)
def edits_emptiness(line: Line, _: VhostSpec) -> str:
    """Find `edit*` with a pattern that can match an empty string."""
    words = _words(line)
    if line.name not in _HEADERS or len(words) < 3 or words[0].lower() != "edit*":  # noqa: PLR2004
        return ""
    try:
        pattern = re.compile(words[2])
    except re.error:
        return ""
    empty = any(not found[0] for text in _SAMPLES for found in pattern.finditer(text))
    return f"edit* of {words[1]} with a pattern that matches the empty string" if empty else ""


@on_line(
    "MTLS-302",
    ERROR,
    "a client could write headers of its own",
    why="`%{unescape:…}` turns %0d%0a from the client into a line break, and what follows it into "
    "another header for the backend.",
    fix="use %{escape:…}, or nothing",
)
def unescapes(line: Line, _: VhostSpec) -> str:
    """Find `%{unescape:` in a header."""
    unescaped = line.name in _HEADERS and "%{unescape:" in line.rest.lower()
    return f"{line.written} with %{{unescape:" if unescaped else ""


@on_line(
    "MTLS-303",
    ERROR,
    "a client can say itself who it is",
    why="A header that is set on a condition, for one path, or beside what is there keeps the "
    "client's own value in every other case: without a certificate, `X-User: admin` went through "
    "to the backend.",
    fix="set client_auth.identity.headers, which removes the client's own first",
)
def leaves_a_claim(line: Line, site: VhostSpec) -> str:
    """Find a header with an identity that is not set always and everywhere."""
    name = _identity(line)
    if not name or _is_scrubbed(name, site):
        return ""
    words = _words(line)
    if words[0].lower() in _KEEPS_THE_CLIENTS:
        return f"RequestHeader {words[0]} {name} keeps what the client sent"
    if any(one.lower().startswith(_CONDITION) for one in words[3:]):
        return f"{name} is set on a condition: otherwise it is the client's own"
    if line.places:
        return f"{name} is set in {line.places[-1]}: elsewhere it is the client's own"
    return ""


@on_line(
    "MTLS-304",
    ERROR,
    "an identity has a second spelling",
    why="Backends read `X_User` and `X-User` as one variable (CGI, WSGI, PHP, Rack), and Apache "
    "passes both on: a client that sends the other spelling is believed.",
    fix="set client_auth.identity.headers, which removes every spelling",
)
def leaves_a_twin(line: Line, site: VhostSpec) -> str:
    """Find a header with an identity whose spelling with an underscore is not removed."""
    name = _identity(line)
    if not name or "-" not in name or _is_ours(name, site):
        return ""
    twin = name.replace("-", "_")
    return "" if twin.lower() in _removed(site) else f"{twin} from the client stays beside {name}"


@on_line(
    "MTLS-305",
    WARNING,
    "without a certificate a header says (null)",
    why='`RequestHeader set X "%{SSL_CLIENT_S_DN}s"` sends the text `(null)` where there is no '
    "certificate, which is a name like any other to a backend.",
    fix='write "expr=%{SSL_…}", which is empty then; or set client_auth.identity.headers',
)
def says_null(line: Line, _: VhostSpec) -> str:
    """Find `%{…}s`."""
    found = _LITERAL.search(line.rest) if line.name == "requestheader" else None
    return f"RequestHeader with {found[0]}" if found else ""


@on_line(
    "MTLS-306",
    WARNING,
    "a backslash in a header becomes a line break",
    why="mod_headers unescapes its value once more after Apache did: `\\n`, and the `\\\\n` of "
    "correct quoting, both reach the backend as a line break, and what follows as a header.",
    fix="leave backslashes out of the values of headers",
)
def breaks_a_line(line: Line, _: VhostSpec) -> str:
    """Find what it would read as a control character."""
    words = _words(line)
    sets = line.name in _HEADERS and words and words[0].lower() in _SETS
    broken = sets and any(re.search(r"\\[nrt]", one) for one in words[2:3])
    return f"{line.written} {words[0]} with a backslash before n, r or t" if broken else ""


@on_line(
    "MTLS-307",
    WARNING,
    "the client chooses where it is sent",
    why="`%{HTTP_HOST}` is what the client wrote, and a cache in between gives the answer to "
    "others as well.",
    fix="write the name out; redirect_http does",
)
def sends_anywhere(line: Line, _: VhostSpec) -> str:
    """Find redirects to a host that the client names."""
    target = line.arguments[1:]
    elsewhere = line.name in _SENDS_ELSEWHERE and any(_HOST.search(one) for one in target)
    if line.name == "header":
        elsewhere = elsewhere and "location" in line.words
    return f"{line.written} to the host of the request" if elsewhere else ""


@on_line(
    "MTLS-308",
    ERROR,
    "extra changes a header that tells who the client is",
    why="What `client_auth.identity.headers` sets is set before `extra`: the last word counts, "
    "and the backend would be told something else than the inventory says.",
    fix="take the header out of client_auth.identity.headers, or the line out of extra",
)
def changes_our_header(line: Line, site: VhostSpec) -> str:
    """Find lines about a header of ours."""
    words = _words(line)
    early = any(one.lower() == "early" for one in words[2:])
    ours = line.name == "requestheader" and len(words) > 1 and _is_ours(words[1], site)
    return f"RequestHeader {words[0]} {words[1]} changes it" if ours and not early else ""


def _words(line: Line) -> tuple[str, ...]:
    """Return the arguments without the `always` that `Header` may begin with."""
    words = line.arguments
    condition = line.name == "header" and line.first in {"always", "onsuccess"}
    return words[1:] if condition else words


def _identity(line: Line) -> str:
    """Return the name of the header that a line gives an identity to, or nothing."""
    words = _words(line)
    sets = line.name == "requestheader" and len(words) > 2 and words[0].lower() in _SETS  # noqa: PLR2004
    return words[1] if sets and _CLIENT.search(words[2]) else ""


def _is_ours(name: str, site: VhostSpec) -> bool:
    return name.lower() in {one.lower() for one in site.client_auth.identity.headers}


def _is_scrubbed(name: str, site: VhostSpec) -> bool:
    return _is_ours(name, site) or name.lower() in _removed(site)


def _removed(site: VhostSpec) -> frozenset[str]:
    """Collect the headers that `extra` removes from every request, whatever it is for."""
    return frozenset(
        one.arguments[1].lower()
        for one in read(site.extra)
        if one.name == "requestheader"
        and one.first == "unset"
        and not one.places
        and [word.lower() for word in one.arguments[2:]] in ([], ["early"])
        and len(one.arguments) > 1
    )


RULES = (
    edits_emptiness,
    unescapes,
    leaves_a_claim,
    leaves_a_twin,
    says_null,
    breaks_a_line,
    sends_anywhere,
    changes_our_header,
)
