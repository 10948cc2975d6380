"""
docs/behaviour.md shows what this suite has asked and been answered.

After a change: `python -m tests.live.test_page`, and read the difference.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tests.live.cases import CASES, DOORS, Case
from tests.live.particulars import PARTICULARS, THEMES
from tests.live.sites import SITES
from tests.live.visitors import VISITORS

PAGE = Path(__file__).parents[2] / "docs" / "behaviour.md"
BEGIN = "<!-- From here on written by tests/live/test_page.py. -->\n"
WITH_RULES = ("optional", "staff", "closed")
UNLISTED = ("unlisted", "unlisted-optional")


def page(written: str) -> str:
    """Keep what somebody wrote before the tables, and write the tables."""
    beginning, _, _ = written.partition(BEGIN)
    return "\n".join((beginning + BEGIN, *chapters()))


def chapters() -> Iterator[str]:
    questions = sum(2 * len(case.versions) for case in CASES) + len(PARTICULARS)
    yield f"{questions} questions, the last time.\n"
    yield "## At the door, by `client_auth.verify`\n"
    yield from _table(_doors())
    yield "\nWithout lists (`revocation: none`), whoever the root vouches for comes to the door:\n"
    yield from _table(_visits([case for case in CASES if case.site in UNLISTED]))
    for site in WITH_RULES:
        yield f"\n## On a site with rules: {site}\n"
        yield f"```yaml\n{_written(site)}```\n"
        cases = [case for case in CASES if case.site == site]
        yield from _table(_visits([case for case in cases if _is_ruled(case)]))
    for theme in THEMES:
        yield f"\n## {theme}\n"
        rows = [[one.words, one.expected] for one in PARTICULARS if one.theme == theme]
        yield from _table([["", "answer"], *rows])
    yield ""


def _doors() -> Iterator[Sequence[str]]:
    at = {(case.visitor.name, case.site): case for case in CASES if case.path == "/"}
    yield ["", *(f"`{SITES[site]['client_auth']['verify']}`" for site in DOORS)]
    for one in VISITORS:
        yield [one.words, *(at[one.name, site].expected for site in DOORS)]


def _is_ruled(case: Case) -> bool:
    """Leave out what the first table has: the door itself, where nothing rules behind it."""
    rules = [rule["path"] for rule in SITES[case.site]["paths"]]
    return case.path != "/" or "/" in rules or "allow" in SITES[case.site]["client_auth"]


def _visits(cases: Sequence[Case]) -> Iterator[Sequence[str]]:
    """Make a table of visitors by paths, and of sites where there are several."""
    several = len({case.site for case in cases}) > 1
    columns = list(dict.fromkeys((case.site, case.path) for case in cases))
    answers = {(_who(case), case.site, case.path): case.expected for case in cases}
    yield [
        "",
        *(_verify(site) if several and path == "/" else f"`{path}`" for site, path in columns),
    ]
    for who in dict.fromkeys(map(_who, cases)):
        yield [who, *(answers.get((who, *column), "") for column in columns)]


def _who(case: Case) -> str:
    return (
        f"{case.visitor.words}, {case.password} password" if case.password else case.visitor.words
    )


def _verify(site: str) -> str:
    return f"`{SITES[site]['client_auth']['verify']}`"


def _written(site: str) -> str:
    keys = {key: SITES[site][key] for key in ("client_auth", "paths")}
    return yaml.safe_dump(keys, sort_keys=False, default_flow_style=None, width=100)


def _table(rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> Iterator[str]:
    first, *others = rows
    yield f"| {' | '.join(first)} |"
    yield "|" + "---|" * len(first)
    for row in others:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def test_the_page_shows_what_was_asked() -> None:
    written = PAGE.read_text()

    assert written == page(written)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
