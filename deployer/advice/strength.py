"""Advice on keys, lifetimes and passwords: what wears out, and how fast."""

import re
from collections.abc import Iterator
from datetime import timedelta

from deployer.advice.context import Context
from deployer.advice.finding import Said, Severity, on_host, on_site
from deployer.pki.keys import KeyType
from deployer.spec.vhost import VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

_RSA = frozenset({KeyType.RSA2048, KeyType.RSA3072, KeyType.RSA4096})
GUIDELINE = {"modern": timedelta(days=90), "intermediate": timedelta(days=366)}
SHORT = timedelta(days=7)
SHORTEST_CONFIRMATION = 15
"""Seconds: a busy server takes its time for a reload, and every site is knocked at."""

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$.{53}")
_MD5 = "$apr1$"
_CHEAP, _DEAR = 10, 14


@on_site(
    "MTLS-601",
    WARNING,
    "an RSA key under the modern profile",
    why="Mozilla's guideline has ECDSA keys alone there: whoever speaks TLS 1.3 knows them, and "
    "an RSA signature costs the server many times as much in every handshake.",
    fix="set key_type: p-256",
)
def has_rsa(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find RSA keys of ours under `modern`."""
    if site.certificate.is_issued and site.tls == "modern" and site.key_type in _RSA:
        yield f"key_type: {site.key_type} with tls: modern"


@on_site(
    "MTLS-602",
    WARNING,
    "a certificate lives longer than the profile has it",
    why="Mozilla's guideline gives a certificate 90 days under modern and 366 under intermediate. "
    "deployer renews at two thirds of a lifetime; a stolen key is good for all of it.",
    fix="set lifetime: 90d, or less",
)
def lives_long(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find certificates of ours beyond the guideline."""
    if site.certificate.is_issued and site.lifetime > GUIDELINE[site.tls]:
        yield f"lifetime: {_days(site.lifetime)} with tls: {site.tls}"


@on_site(
    "MTLS-603",
    WARNING,
    "no browser knows this kind of key",
    why="Browsers have no Ed25519 for certificates, and end the handshake. OpenSSL, curl and Go "
    "are content with it: it is for sites that programs alone visit.",
    fix="set key_type: p-256; or accept this where no browser comes",
)
def has_ed25519(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find Ed25519 keys of ours."""
    if site.certificate.is_issued and site.key_type is KeyType.ED25519:
        yield "key_type: ed25519"


@on_site(
    "MTLS-604",
    WARNING,
    "a certificate ends before somebody notices",
    why="Nothing on a host renews: an apply does, from two thirds of a lifetime on. The third "
    "that is left must outlast a weekend, or a controller that is down.",
    fix="set lifetime: 14d or more, or run deployer apply from a timer and accept this",
)
def lives_shortly(site: VhostSpec, _: Context) -> Iterator[str]:
    """Find certificates of ours with less than a week."""
    if site.certificate.is_issued and site.lifetime < SHORT:
        rest = site.lifetime / 3
        yield f"lifetime: {_days(site.lifetime)} leaves {_days(rest)} for an apply to renew it"


@on_host(
    "MTLS-605",
    WARNING,
    "a host undoes what was about to be confirmed",
    why="Until a run confirms, every site is asked with several clients. A host that waits less "
    "than that takes undoes a switch that went well.",
    fix="leave mtls_confirm_timeout out: 60 seconds",
)
def waits_shortly(context: Context) -> Iterator[Said]:
    """Find confirmation times that a busy host would not keep."""
    if context.spec.confirm_timeout < SHORTEST_CONFIRMATION:
        yield "confirm_timeout", f"{context.spec.confirm_timeout} s"


@on_site(
    "MTLS-606",
    WARNING,
    "a password with a hash that is fast to guess",
    why="`$apr1$`, a thousand rounds of MD5, and bcrypt with a cost below 10 (htpasswd -B takes 5 "
    "unless told) make guessing cheap for whoever gets hold of the file.",
    fix="make a new line: htpasswd -B -C 12, or deployer password USER",
)
def has_cheap_passwords(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find lines with MD5, and bcrypt of little cost."""
    for user, hashed in _passwords(site, context):
        cost = _cost(hashed)
        if hashed.startswith(_MD5):
            yield f"the password of {user} is hashed with MD5"
        elif cost is not None and cost < _CHEAP:
            yield f"the password of {user} has bcrypt cost {cost}"


@on_site(
    "MTLS-607",
    WARNING,
    "a password that takes the server seconds",
    why="Apache checks the password with every request, and bcrypt of cost 15 takes a processor "
    "for some two seconds: a page with its pictures, or a few strangers guessing, stop the server.",
    fix="make a new line: htpasswd -B -C 12, or deployer password USER",
)
def has_dear_passwords(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find bcrypt of too much cost."""
    for user, hashed in _passwords(site, context):
        cost = _cost(hashed)
        if cost is not None and cost > _DEAR:
            yield f"the password of {user} has bcrypt cost {cost}"


def _passwords(site: VhostSpec, context: Context) -> Iterator[tuple[str, str]]:
    if not site.asks_for_passwords or site.passwords is None:
        return
    yield from site.passwords.users.items()
    for line in context.passwords.get(site.passwords.file or "", "").splitlines():
        user, _, hashed = line.partition(":")
        yield user, hashed


def _cost(hashed: str) -> int | None:
    found = _BCRYPT.fullmatch(hashed)
    return int(found[1]) if found else None


def _days(time: timedelta) -> str:
    return f"{time.days}d" if time % timedelta(days=1) == timedelta(0) else f"{time // _HOUR}h"


_HOUR = timedelta(hours=1)

RULES = (
    has_rsa,
    lives_long,
    has_ed25519,
    lives_shortly,
    waits_shortly,
    has_cheap_passwords,
    has_dear_passwords,
)
