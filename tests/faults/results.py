"""
What became of the marked tests of a run: `--fault-results FILE` writes it as JSON.

A test with parameters, or whose fixtures failed, has held only if all of it has.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

WORST_FIRST = ("failed", "skipped", "passed")
# What a report carries from a worker to the process that collects them.
PROPERTY = "fault"


class Recorder:
    """A plugin of pytest that notes the outcome of every test with the mark."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (PROPERTY, True) not in map(tuple, report.user_properties):
            return
        # A report of the body tells how a test went; those around it only if they went wrong.
        if report.when == "call" or not report.passed:
            test = report.nodeid.partition("[")[0]
            known = self._outcomes.get(test, report.outcome)
            self._outcomes[test] = min(known, report.outcome, key=WORST_FIRST.index)

    def pytest_sessionfinish(self) -> None:
        self._file.write_text(f"{json.dumps(self._outcomes, indent=1, sort_keys=True)}\n")


def read(*files: Path) -> Mapping[str, str]:
    """Return the outcome of each test, as `file::name`; later files win."""
    outcomes: dict[str, str] = {}
    for file in files:
        outcomes.update(json.loads(file.read_text()))
    return outcomes
