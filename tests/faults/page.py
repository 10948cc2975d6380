"""
docs/faults.md: the matrix, the tests that show it, and what became of them.

`make faults` runs the tests and writes the page. After a new mark or row,
`python -m tests.faults.page [RESULTS]...` alone: results that are not given anew stay, as long as
the row has the same tests.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tests.faults.marks import ROOT, Mark, marks
from tests.faults.matrix import FAULTS, Fault
from tests.faults.results import read

PAGE = ROOT / "docs" / "faults.md"
BEGIN = "<!-- From here on written by tests/faults/page.py. -->\n"
HEAD = ("", "fault", "what must hold", "injected how", "shown by", "result")
NOT_RUN = "not run"
LINE = re.compile(r"^\| (\d+) \|.*\| (.*) \| (.*) \|$", re.MULTILINE)


def page(written: str, outcomes: Mapping[str, str], found: Sequence[Mark]) -> str:
    """Keep what somebody wrote before the tables, and write the tables."""
    beginning, _, tables = written.partition(BEGIN)
    before = {int(number): (shown, result) for number, shown, result in LINE.findall(tables)}
    return f"{beginning}{BEGIN}\n" + "\n".join(_chapters(outcomes, found, before))


def _chapters(
    outcomes: Mapping[str, str], found: Sequence[Mark], before: Mapping[int, tuple[str, str]]
) -> Iterator[str]:
    for group, faults in groupby(FAULTS, key=lambda one: one.group):
        yield f"## {group}\n"
        yield _line(HEAD)
        yield "|" + "---|" * len(HEAD)
        for fault in faults:
            own = [mark for mark in found if fault.number in mark.numbers]
            shown = _shown(fault, own)
            result = _result(own, outcomes)
            # Results that nobody gave anew stay while the row is shown by the same tests.
            if result == NOT_RUN and before.get(fault.number, ("", ""))[0] == shown:
                result = before[fault.number][1]
            yield _line(
                (str(fault.number), fault.fault, fault.holds, _how(fault, own), shown, result)
            )
        yield ""


def _how(fault: Fault, own: Sequence[Mark]) -> str:
    """Join in which ways the tests cause it: their own words, and the row's for the others."""
    return "; ".join(dict.fromkeys(mark.how or fault.how for mark in own))


def _shown(fault: Fault, own: Sequence[Mark]) -> str:
    links = dict.fromkeys(f"[{mark.sentence}](../{mark.file})" for mark in own)
    return "<br>".join([*links, *([fault.untested] if fault.untested else [])])


def _result(own: Sequence[Mark], outcomes: Mapping[str, str]) -> str:
    """Say that a row holds only if every one of its tests has passed."""
    if not own:
        return "not tested"
    had = {outcomes.get(f"{mark.file}::{mark.test}", NOT_RUN) for mark in own}
    for bad, word in (("failed", "does not hold"), ("skipped", "skipped"), (NOT_RUN, NOT_RUN)):
        if bad in had:
            return word
    return "holds"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    outcomes = read(*map(Path, sys.argv[1:]))
    PAGE.write_text(page(PAGE.read_text(), outcomes, marks()))
