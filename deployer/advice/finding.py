"""
Findings, and the rules that make them.

A rule is a function with a number that never changes its meaning: people write it into their
inventories, and look it up in docs/advice.md, which is made of what stands beside the function.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from deployer.advice.context import Context
from deployer.advice.lines import Line, read
from deployer.spec.vhost import VhostSpec


class Severity(StrEnum):
    """What follows from a finding, the worst first."""

    ERROR = "error"
    """The host is left as it is."""
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that somebody who knows Apache would point out."""

    number: str
    severity: Severity
    host: str
    subject: str
    """The site, or the part of it."""
    message: str
    fix: str


Said = tuple[str, str]
"""What it is about, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing to look for."""

    number: str
    severity: Severity
    title: str
    why: str
    """What happens, as it was measured."""
    fix: str
    check: Callable[[Context], Iterator[Said]]

    @property
    def accepted(self) -> bool:
        """Say whether an inventory may accept what it finds."""
        return self.severity is not Severity.ERROR

    def findings(self, context: Context) -> Iterator[Finding]:
        """Look at one host."""
        for subject, message in self.check(context):
            yield Finding(
                number=self.number,
                severity=self.severity,
                host=context.spec.host,
                subject=subject,
                message=message,
                fix=self.fix,
            )


def on_host(
    number: str, severity: Severity, title: str, *, why: str, fix: str
) -> Callable[[Callable[[Context], Iterator[Said]]], Rule]:
    """Make a rule of a function that looks at a host as a whole."""

    def make(check: Callable[[Context], Iterator[Said]]) -> Rule:
        return Rule(number=number, severity=severity, title=title, why=why, fix=fix, check=check)

    return make


def on_site(
    number: str, severity: Severity, title: str, *, why: str, fix: str
) -> Callable[[Callable[[VhostSpec, Context], Iterator[str]]], Rule]:
    """Make a rule of a function that looks at one site at a time."""

    def make(check: Callable[[VhostSpec, Context], Iterator[str]]) -> Rule:
        def every_site(context: Context) -> Iterator[Said]:
            for site in context.spec.vhosts:
                for message in check(site, context):
                    yield site.slug, message

        return Rule(
            number=number, severity=severity, title=title, why=why, fix=fix, check=every_site
        )

    return make


def on_line(
    number: str, severity: Severity, title: str, *, why: str, fix: str
) -> Callable[[Callable[[Line, VhostSpec], str]], Rule]:
    """Make a rule of a function that looks at one line of `extra`, and says something or not."""

    def make(check: Callable[[Line, VhostSpec], str]) -> Rule:
        def every_line(context: Context) -> Iterator[Said]:
            for site in context.spec.vhosts:
                for line in read(site.extra) if site.extra else ():
                    if message := check(line, site):
                        yield f"{site.slug}: extra, line {line.number}", message

        return Rule(
            number=number, severity=severity, title=title, why=why, fix=fix, check=every_line
        )

    return make
