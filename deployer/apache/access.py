"""
Authorization: who may come in where, as `Require` lines.

Whoever shows a certificate is judged at the handshake, once, for the whole site. What differs
from path to path is decided here, by expressions, which HTTP/2 and TLS 1.3 know as well
(`Require ssl-verify-client` denies every HTTP/2 request).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from deployer.apache.quoting import expression_text
from deployer.spec.access import WITH_PASSWORD, AllowRule, PathRule
from deployer.spec.vhost import VhostSpec

MOST_VALUES = 5
"""A certificate may say several times what its owner is called: so many of them are looked at."""
VERIFIED = "expr %{SSL_CLIENT_VERIFY} == 'SUCCESS'"
LOGGED_IN = "valid-user"

_SINGLE = {
    "cn": "SSL_CLIENT_S_DN_CN",
    "o": "SSL_CLIENT_S_DN_O",
    "serial": "SSL_CLIENT_M_SERIAL",
}
_ORGANIZATIONAL_UNIT = "SSL_CLIENT_S_DN_OU"
_ALTERNATIVE = {
    "email": "SSL_CLIENT_SAN_Email",
    "dns": "SSL_CLIENT_SAN_DNS",
    "upn": "SSL_CLIENT_SAN_OTHER_msUPN",
}
_CASELESS = frozenset(_ALTERNATIVE)
"""RFC 4343 for domains; mail systems and Active Directory do not tell cases apart either."""


@dataclass(frozen=True, slots=True)
class Group:
    """`<RequireAll>` or `<RequireAny>`."""

    name: str
    members: tuple["Require", ...]


Require = str | Group
"""What follows the word `Require`, or several such lines together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A part of a site under one set of rules."""

    path: str
    """`/` for the whole site."""
    without: tuple[str, ...] = ()
    """Paths below it that have rules of their own, in place of these."""
    auth: str
    """As in the spec, or `site` for what holds everywhere."""
    requires: tuple[Require, ...]
    """All of them."""

    @property
    def asks_for_password(self) -> bool:
        """Say whether a password may come into it."""
        return self.auth in WITH_PASSWORD

    @property
    def pattern(self) -> str:
        """What `<LocationMatch>` takes, where something below is left out."""
        start = self.path.rstrip("/")
        left_out = [_literal(one.removeprefix(start)) for one in self.without]
        rest = left_out[0] if len(left_out) == 1 else f"(?:{'|'.join(left_out)})"
        end = "" if self.path == "/" else "(?:/|$)"
        return f"^{_literal(start)}(?!{rest}(?:/|$)){end}"


def areas(site: VhostSpec, issuers: Sequence[str]) -> tuple[Area, ...]:
    """
    Divide a site into areas.

    Apache merges the sections that match a URL, and merging with `And` keeps what others have
    said of files and directories. Then a part with laxer rules than what is around it must be
    left out of that, and so every area says what it does not speak for.
    """
    certified = (VERIFIED, _issued_by(issuers)) if issuers else ()
    everywhere: tuple[Require, ...] = ()
    parts = list(_parts(site, certified))
    allow = site.client_auth.allow
    if site.client_auth.verify == "require":
        everywhere = certified
        own = tuple(rule.path for rule in site.paths if rule.allow)
        if own and allow:
            parts.insert(
                0, Area(path="/", without=_topmost(own), auth="certificate", requires=_any(allow))
            )
        else:
            everywhere += _any(allow)
    if everywhere and parts and (parts[0].path, parts[0].without) == ("/", ()):
        parts[0] = replace(parts[0], requires=(*everywhere, *parts[0].requires))
    elif everywhere:
        parts.insert(0, Area(path="/", auth="site", requires=everywhere))
    return tuple(parts)


def _parts(site: VhostSpec, certified: tuple[Require, ...]) -> Iterator[Area]:
    required = site.client_auth.verify == "require"
    for rule in sorted(site.paths, key=lambda one: one.path):
        allowed = _allowed(rule, site)
        requires: tuple[Require, ...]
        match rule.auth:
            case "public":
                requires = ()
            case "certificate_or_password":
                client = Group("RequireAll", (*certified, *allowed))
                requires = (Group("RequireAny", (client, LOGGED_IN)),)
            case _:
                requires = allowed if required else (*certified, *allowed)
        if rule.auth == "certificate_and_password":
            requires = (*requires, LOGGED_IN)
        if requires:
            below = [one.path for one in site.paths if rule.covers(one.path)]
            yield Area(path=rule.path, without=_topmost(below), auth=rule.auth, requires=requires)


def _allowed(rule: PathRule, site: VhostSpec) -> tuple[Require, ...]:
    """Say whom a path allows; what the whole site says already is not said again."""
    if rule.allow:
        return _any(rule.allow)
    # A path around this one that allows others was left out of what the whole site says.
    left_out = any(other.allow and other.covers(rule.path) for other in site.paths)
    everywhere = site.client_auth.verify == "require" and not left_out
    return () if everywhere else _any(site.client_auth.allow)


def _topmost(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        sorted(
            path
            for path in paths
            if not any(path.startswith(f"{other}/") for other in paths if other != path)
        )
    )


def _issued_by(issuers: Sequence[str]) -> str:
    if len(issuers) == 1:
        return f"expr %{{SSL_CLIENT_I_DN}} == {expression_text(issuers[0])}"
    return f"expr %{{SSL_CLIENT_I_DN}} in {{ {', '.join(map(expression_text, issuers))} }}"


def _any(rules: Sequence[AllowRule]) -> tuple[Require, ...]:
    lines = tuple(dict.fromkeys(_all_of(rule) for rule in rules))
    return lines if len(lines) < 2 else (Group("RequireAny", lines),)  # noqa: PLR2004


def _all_of(rule: AllowRule) -> str:
    return f"expr {' && '.join(_is(name, value) for name, value in rule.given.items())}"


def _is(attribute: str, value: str) -> str:
    """Compare one attribute: with every value that a certificate may have for it."""
    variables = _variables(attribute)
    text = expression_text(value)
    if attribute in _CASELESS:
        return _one_of(f"%{{{name}}} -strcmatch {text}" for name in variables)
    if "*" in value or "?" in value:
        return _one_of(f"%{{{name}}} -strmatch {text}" for name in variables)
    if len(variables) == 1:
        return f"%{{{variables[0]}}} == {text}"
    return f"{text} in {{ {', '.join(f'%{{{name}}}' for name in variables)} }}"


def _one_of(comparisons: Iterator[str]) -> str:
    listed = tuple(comparisons)
    return listed[0] if len(listed) == 1 else f"({' || '.join(listed)})"


def _variables(attribute: str) -> tuple[str, ...]:
    if attribute in _SINGLE:
        return (_SINGLE[attribute],)
    if attribute in _ALTERNATIVE:
        return tuple(f"{_ALTERNATIVE[attribute]}_{number}" for number in range(MOST_VALUES))
    # Of its kind alone, the first has no number.
    unit = _ORGANIZATIONAL_UNIT
    return (unit, *(f"{unit}_{number}" for number in range(1, MOST_VALUES)))


def _literal(path: str) -> str:
    """Write a path for a regular expression; of what a path may hold, two letters mean more."""
    return path.replace(".", "\\.").replace("+", "\\+")
