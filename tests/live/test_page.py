"""
docs/behaviour.md shows what this suite has asked and been answered.

After a change: `python -m tests.live.test_page`, and read the difference.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.live.cases import CASES, Case
from tests.live.particulars import PARTICULARS, THEMES
from tests.live.sites import SITES
from tests.live.visitors import VISITORS

PAGE = Path(__file__).parents[2] / "docs" / "behaviour.md"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    first, *others = rows
    yield f"| {' | '.join(first)} |"
    yield "|" + "---|" * len(first)
    for row in others:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def doors() -> Iterator[str]:
    """Everybody at every door."""
    sites = ("strict", "optional", "open")
    verify = [f"`{SITES[site]['client_auth']['verify']}`" for site in sites]
    at = {(case.visitor.name, case.site): case for case in CASES if case.path == "/"}
    rows = [["who", *verify]]
    rows += [
        [one.words, *(at[one.name, site].expected for site in sites)] for one in VISITORS
    ]
    yield from table(rows)


def asked_of(site: str) -> Iterator[str]:
    """Who comes in where on one site, paths downwards."""
    cases = [case for case in CASES if case.site == site]
    whom = list(dict.fromkeys((case.visitor.words, case.password) for case in cases))
    paths = list(dict.fromkeys(case.path for case in cases))
    answers = {(case.path, case.visitor.words, case.password): case.expected for case in cases}
    rows = [["path", *(_named(words, password) for words, password in whom)]]
    rows += [[f"`{path}`", *(answers.get((path, *who), "") for who in whom)] for path in paths]
    yield from table(rows)


def _named(words: str, password: str) -> str:
    return f"{words}, {password} password" if password else words
