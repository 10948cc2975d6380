"""Advice on lines of `extra` about who may come in: what opens what `paths` close."""

import re

from deployer.advice.coverage import adds_to_ours, has_last_word, siblings
from deployer.advice.finding import Severity, on_line
from deployer.advice.lines import Line, read
from deployer.spec.vhost import VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

_NEGATIVE = re.compile(r"!=|!~|\s-ne\s|\bnot\b|!\s*[%('(]")
_VERIFIED = re.compile(r"SSL_CLIENT_VERIFY\}?['\"]?\s*(?:==|=|-eq|eq)\s*['\"]SUCCESS")
_CLIENT = "SSL_CLIENT_"


@on_line(
    "MTLS-201",
    ERROR,
    "a closed path is opened to everybody",
    why="`<Location>` sections are merged in order and `extra` comes last: `Require all granted` "
    "there takes the place of everything that paths, allow and the authorities say for that path.",
    fix="give the path auth: public in paths; or add AuthMerging And to the section",
)
def opens(line: Line, site: VhostSpec) -> str:
    """Find `Require all granted` where it has the last word."""
    granted = line.name == "require" and [one.lower() for one in line.arguments] == [
        "all",
        "granted",
    ]
    opened = granted and has_last_word(line, site) and not adds_to_ours(line, site)
    return f"Require all granted in {line.places[-1]} opens it" if opened else ""


@on_line(
    "MTLS-202",
    WARNING,
    "what a path requires is replaced",
    why="Without `AuthMerging And` a later section replaces what ours require: the allow list, "
    "the password, and that the certificate was issued by the authority that was meant rather "
    "than by a sister of it, which the handshake lets pass.",
    fix="say it with paths and allow; or add AuthMerging And to the section",
)
def replaces(line: Line, site: VhostSpec) -> str:
    """Find any other `Require` that has the last word; one that denies all takes nothing away."""
    said = [one.lower() for one in line.arguments]
    if line.name != "require" or said in (["all", "granted"], ["all", "denied"]):
        return ""
    replaced = has_last_word(line, site) and not adds_to_ours(line, site)
    return f"Require in {line.places[-1]} replaces ours" if replaced else ""


@on_line(
    "MTLS-203",
    ERROR,
    "one of several proofs is enough",
    why="With `Satisfy any` whoever comes from an allowed address, which is everybody unless "
    "something else is said, needs neither a certificate nor a password.",
    fix="set auth: certificate_or_password in paths",
)
def is_satisfied_with_any(line: Line, site: VhostSpec) -> str:
    """Find `Satisfy any`."""
    any_does = line.name == "satisfy" and line.first == "any"
    return "Satisfy any" if any_does and site.client_auth.verify != "none" else ""


@on_line(
    "MTLS-204",
    ERROR,
    "a section is merged so that it opens what is closed",
    why="`AuthMerging Or` lets in whom either section lets in, and `Off` forgets ours.",
    fix="use AuthMerging And",
)
def merges_loosely(line: Line, site: VhostSpec) -> str:
    """Find `AuthMerging Or` and `Off` where they have the last word."""
    loose = line.name == "authmerging" and line.first in {"or", "off"}
    opened = loose and has_last_word(line, site)
    return f"AuthMerging {line.first} in {line.places[-1]}" if opened else ""


@on_line(
    "MTLS-205",
    ERROR,
    "Require ssl-verify-client denies HTTP/2",
    why="Over HTTP/2 it denies every request, with a good certificate too (Apache 2.4.62 and "
    "2.4.71); over HTTP/1.1 it works, so that a test with curl --http1.1 passes.",
    fix="set auth: certificate in paths, or Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\"",
)
def denies_http2(line: Line, _: VhostSpec) -> str:
    """Find `Require ssl-verify-client`, with `not` or without."""
    denies = line.name == "require" and "ssl-verify-client" in line.words
    return "Require ssl-verify-client" if denies else ""


@on_line(
    "MTLS-206",
    ERROR,
    "a certificate counts as a password",
    why="`FakeBasicAuth` logs in with the name of the certificate and the password `password`: "
    "an entry for it in the file lets in whoever types that, without a certificate. "
    "`AuthBasicFake` does the same with a password of one's choice.",
    fix="set client_auth.identity.remote_user, and auth in paths",
)
def fakes_a_login(line: Line, _: VhostSpec) -> str:
    """Find `SSLOptions +FakeBasicAuth` and `AuthBasicFake`."""
    if line.name == "ssloptions" and {"fakebasicauth", "+fakebasicauth"} & line.words:
        return "SSLOptions FakeBasicAuth"
    return "AuthBasicFake" if line.name == "authbasicfake" and line.first != "off" else ""


@on_line(
    "MTLS-207",
    ERROR,
    "a certificate switches passwords off",
    why="`SSLUserName` names the user before any login happens, so that `Require valid-user` is "
    "content and the password is never looked at: a wrong one got 200 (Apache 2.4.62 to 2.4.71), "
    "inside `<RequireAll>` too.",
    fix="leave SSLUserName out where passwords are asked for",
)
def skips_passwords(line: Line, site: VhostSpec) -> str:
    """Find `SSLUserName` on a site that has an `AuthType`, ours or theirs, or the reverse."""
    asks = any(other.name == "authtype" and other.first != "none" for other in read(site.extra))
    told = site.client_auth.identity.remote_user is not None
    if line.name == "sslusername" and (asks or site.asks_for_passwords):
        return "SSLUserName beside passwords"
    if line.name == "authtype" and line.first != "none" and told:
        return "AuthType beside client_auth.identity.remote_user, which is SSLUserName"
    return ""


@on_line(
    "MTLS-208",
    ERROR,
    "whoever has no certificate passes a test of it",
    why='`Require expr %{SSL_CLIENT_S_DN_CN} != "evil"` is true of an empty name: it answered 200 '
    "to a client without any certificate.",
    fix="say whom to let in, with allow; or AND it with %{SSL_CLIENT_VERIFY} == 'SUCCESS'",
)
def tests_the_absent(line: Line, site: VhostSpec) -> str:
    """Find negative tests of certificates where there may be none."""
    if line.name != "require" or site.client_auth.verify == "require":
        return ""
    if _CLIENT not in line.rest or not _NEGATIVE.search(line.rest) or _VERIFIED.search(line.rest):
        return ""
    if has_last_word(line, site) and adds_to_ours(line, site):
        return ""
    together = siblings(line, site) if line.group and line.group.name == "requireall" else ()
    if any(
        one.name == "require" and one.first != "not" and _VERIFIED.search(one.rest)
        for one in together
    ):
        return ""
    return "a test of what a certificate does not say is true without one"


@on_line(
    "MTLS-209",
    WARNING,
    "only some methods are closed",
    why="What stands in `<Limit>` holds for the methods that it names, and for no other: there "
    "are always more than were thought of.",
    fix="take the Require out of <Limit>, or use <LimitExcept> with Require all denied",
)
def limits_methods(line: Line, _: VhostSpec) -> str:
    """Find `Require` in `<Limit>`."""
    limited = line.name == "require" and any(one.name == "limit" for one in line.places)
    return "Require in <Limit> leaves other methods open" if limited else ""


@on_line(
    "MTLS-210",
    WARNING,
    "two requirements are alternatives",
    why="Several bare `Require` lines mean any of them (`<RequireAny>`): a certificate and "
    "`valid-user` one below the other let in whoever has a password alone.",
    fix="put them into <RequireAll>, or <RequireAny> if that is meant",
)
def offers_alternatives(line: Line, site: VhostSpec) -> str:
    """Find a test of the certificate beside something else, in no group."""
    tests = line.name == "require" and _CLIENT in line.rest and line.group is None
    others = [one for one in siblings(line, site) if one.name == "require"]
    weaker = tests and any(_CLIENT not in one.rest for one in others)
    return "Require beside another Require: one of them is enough" if weaker else ""


RULES = (
    opens,
    replaces,
    is_satisfied_with_any,
    merges_loosely,
    denies_http2,
    fakes_a_login,
    skips_passwords,
    tests_the_absent,
    limits_methods,
    offers_alternatives,
)
