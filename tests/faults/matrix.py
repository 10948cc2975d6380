"""
The fault matrix: what may go wrong, and what must hold when it does.

A test that shows a row carries its number, `@pytest.mark.fault(12)`, and may say in `how` in which
way it causes the fault; else the row's own words stand. docs/faults.md is written from both.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

ROWS = Path(__file__).with_name("matrix.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row."""

    number: int
    group: str
    fault: str
    holds: str
    """What must be true afterwards."""
    how: str
    """How a test causes it, unless the test says otherwise."""
    untested: str = ""
    """Why no test shows it, or what of it none shows."""


FAULTS = tuple(
    Fault(number=number, group=group, **row)
    for group, rows in yaml.safe_load(ROWS.read_text()).items()
    for number, row in rows.items()
)
BY_NUMBER = {one.number: one for one in FAULTS}
# Shown by a test each: no reason stands in for one.
DEMANDED = frozenset(
    {*range(1, 25), *range(28, 37), *range(38, 42), *range(44, 53), *range(55, 63), *range(66, 69)}
)
# Their tests are being written elsewhere. Goes when it is empty.
AWAITED = frozenset({53, 63, 64, 69, 70})
