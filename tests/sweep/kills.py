"""
Which steps the tests kill something at.

Every kill test says here, in a decorator, which steps it is for, and gets them as parameters; so
the list is what is really tested, and `test_registry.py` holds it against all steps there are.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

from deployer.result import HostStep, Step

CONTROLLER: set[Step] = set()
"""Steps at which a test kills the controller."""
SCRIPT: set[HostStep] = set()
"""Steps at which a test kills the script on the host."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def kills_the_controller_at(
    steps: Iterable[Step], moments: Collection[str], *, quickly: Collection[tuple[Step, str]] = ()
) -> Decorator:
    """Give a test each step and moment; those that are not for the normal run are slow."""
    cases = [(step, moment) for step in steps for moment in moments]
    CONTROLLER.update(step for step, _ in cases)
    return pytest.mark.parametrize(
        ("step", "moment"), [_case(one, quick=one in quickly) for one in cases]
    )


def kills_the_script_at(
    steps: Iterable[HostStep],
    moments: Collection[str] = ("before", "after"),
    *,
    quickly: Collection[tuple[HostStep, str]] = (),
) -> Decorator:
    """Give a test each line of the host's journal, before and after it is written."""
    cases = [(step, moment) for step in steps for moment in moments]
    SCRIPT.update(step for step, _ in cases)
    return pytest.mark.parametrize(
        ("step", "moment"), [_case(one, quick=one in quickly) for one in cases]
    )


def _case(one: tuple[Step | HostStep, str], *, quick: bool) -> Any:
    step, moment = one
    marks = () if quick else pytest.mark.slow
    return pytest.param(step, moment, id=f"{step}-{moment}".replace(" ", "_"), marks=marks)
