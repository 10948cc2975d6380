"""
The page of every number says what the rules say: numbers, titles, reasons, fixes.

After a change of a rule: `python -m tests.advice.test_page`, and read the difference.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from deployer.advice.catalogue import RULES
from deployer.advice.finding import Rule

PAGE = Path(__file__).parents[2] / "docs" / "advice.md"
THEMES = {
    "0": "Accepting",
    "1": "`extra`: TLS, names and backends",
    "2": "`extra`: who may come in",
    "3": "`extra`: headers and redirects",
    "4": "Clients and their authorities",
    "5": "Names and addresses",
    "6": "Keys, lifetimes and passwords",
    "7": "The host",
}


def chapters() -> Iterator[str]:
    theme = ""
    for rule in RULES:
        if theme != (theme := rule.number.removeprefix("MTLS-")[0]):
            yield f"## {THEMES[theme]}\n"
        yield section(rule)


def section(rule: Rule) -> str:
    accepting = f"`mtls_accept: [{rule.number}]`" if rule.accepted else "cannot be"
    # What a terminal shows as it is would be markup here.
    fix = re.sub(r"([*<])", r"\\\1", rule.fix)
    why = _folded(f"**{rule.severity.capitalize()}.** {rule.why}")
    return (
        f"### {rule.number}: {rule.title}\n\n"
        f"{why}\n\n"
        f"{_folded(f'- Fix: {fix}.', indent='  ')}\n"
        f"- Accept: {accepting}.\n"
    )


def _folded(text: str, *, indent: str = "") -> str:
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def page(written: str) -> str:
    """Keep what somebody wrote before the first chapter, and write the rest."""
    beginning, _, _ = written.partition("\n## ")
    return f"{beginning}\n" + "\n".join(chapters())


def test_the_page_says_what_the_rules_say() -> None:
    written = PAGE.read_text()

    assert written == page(written)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
