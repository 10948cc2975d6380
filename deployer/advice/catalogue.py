"""The catalogue: every rule there is, and what all of them say about a host."""

from collections.abc import Iterator
from itertools import chain

from deployer.advice import (
    authorities,
    clients,
    extra_access,
    extra_headers,
    extra_server,
    extra_tls,
    hosts,
    names,
    strength,
)
from deployer.advice.context import Context
from deployer.advice.finding import Finding, Rule, Said, Severity, on_host
from deployer.errors import nearest

_THEMES: tuple[tuple[Rule, ...], ...] = (
    extra_tls.RULES,
    extra_server.RULES,
    extra_access.RULES,
    extra_headers.RULES,
    clients.RULES,
    authorities.RULES,
    names.RULES,
    strength.RULES,
    hosts.RULES,
)
_OTHERS = {rule.number: rule for rule in chain.from_iterable(_THEMES)}
_ABOUT_ACCEPTING = ("MTLS-001", "MTLS-002")
_ORDER = {severity: at for at, severity in enumerate(Severity)}


@on_host(
    _ABOUT_ACCEPTING[0],
    Severity.ERROR,
    "an unknown number is accepted",
    why="Numbers never change their meaning, so this one is mistyped, and what was meant to be "
    "accepted is not.",
    fix="correct mtls_accept; docs/advice.md has the numbers",
)
def accepts_the_unknown(context: Context) -> Iterator[Said]:
    """Find numbers that are nobody's."""
    for number in sorted(context.spec.accept - _OTHERS.keys() - set(_ABOUT_ACCEPTING)):
        hint = nearest(number, _OTHERS)
        yield "mtls_accept", f"there is no {number}{f', {hint}' if hint else ''}"


@on_host(
    _ABOUT_ACCEPTING[1],
    Severity.ERROR,
    "an error is accepted",
    why="Warnings are accepted because somebody may have meant it so. What is an error ends the "
    "server, locks out every client, or lets in strangers, whatever was meant.",
    fix="take the number out of mtls_accept, and mend what it found",
)
def accepts_an_error(context: Context) -> Iterator[Said]:
    """Find numbers of errors."""
    for number in sorted(context.spec.accept):
        rule = _OTHERS.get(number)
        if number in _ABOUT_ACCEPTING or (rule is not None and not rule.accepted):
            yield "mtls_accept", f"{number} is an error"


RULES: tuple[Rule, ...] = (accepts_the_unknown, accepts_an_error, *_OTHERS.values())
"""By number."""


def findings(context: Context) -> tuple[Finding, ...]:
    """
    Say what there is to say about a host: the worst first, without what it accepts.

    Never without errors, for those nobody can accept.
    """
    accepted = {number for number in context.spec.accept if number in _OTHERS}
    found = (
        finding
        for rule in RULES
        if rule.number not in accepted or not rule.accepted
        for finding in rule.findings(context)
    )
    return tuple(sorted(found, key=lambda one: (_ORDER[one.severity], one.number)))
