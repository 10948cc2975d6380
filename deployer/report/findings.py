"""Findings, as people and programs read them: each said once, however many hosts it concerns."""

from collections import Counter
from collections.abc import Iterator, Sequence

from deployer.advice.catalogue import RULES
from deployer.advice.finding import Finding, Severity
from deployer.report import console

PAGE = "docs/advice.md"
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_TITLES = {rule.number: rule.title for rule in RULES}
_SHOWN = 2  # hosts by name, before the others are counted


def show(found: Sequence[Finding], *, hosts: int) -> None:
    """Print everything that was found on so many hosts."""
    for line, style in _lines(found):
        console.styled((console.printable(line), style))
    # As they were printed: what many hosts share was written once.
    once = {(one.severity, one.number, one.subject, one.message) for one in found}
    counts = Counter(severity for severity, *_ in once)
    parts = [_counted(counts[severity], severity) for severity in Severity if counts[severity]]
    said = f"{', '.join(parts)}; {PAGE} explains them" if parts else "nothing to say"
    console.note(f"{_counted(hosts, 'host')}: {said}", style="bold")


def warn(found: Sequence[Finding]) -> None:
    """Print the warnings beside something else: errors are told with their hosts."""
    warnings = [one for one in found if one.severity is Severity.WARNING]
    for line, style in _lines(warnings):
        console.note(line, style=style)
    if warnings:
        number = warnings[0].number
        console.note(f"{PAGE} explains them; mtls_accept: [{number}] accepts one", style="dim")


def show_json(found: Sequence[Finding]) -> None:
    """Print one JSON line a finding."""
    console.json_lines(
        "finding",
        (
            {
                "number": one.number,
                "severity": one.severity.value,
                "title": _TITLES[one.number],
                "host": one.host,
                "subject": one.subject,
                "message": one.message,
                "fix": one.fix,
            }
            for one in found
        ),
    )


def _lines(found: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Say each rule once, the worst first, and below it what it found and where; with styles."""
    worst_first = list(Severity)
    by_rule: dict[tuple[int, str], list[Finding]] = {}
    for one in found:
        by_rule.setdefault((worst_first.index(one.severity), one.number), []).append(one)
    for (severity, number), group in sorted(by_rule.items(), key=lambda item: item[0]):
        word = worst_first[severity]
        yield f"{word} {number}: {_TITLES[number]}", STYLES[word]
        hosts: dict[tuple[str, str], list[str]] = {}
        for one in group:
            hosts.setdefault((one.subject, one.message), []).append(one.host)
        for (subject, message), names in hosts.items():
            yield f"    {subject}: {message} ({_some(names)})", ""
        yield f"    fix: {group[0].fix}", "dim"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    more = f" and {rest} more" if rest > 0 else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
