"""
What may happen to a fleet, drawn from a seed.

The schedule depends on the seed and the names of the hosts alone, never on how long anything took:
the n-th operation of a seed is the same on every machine, however many there is time for.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from deployer.result import HostStep, Step
from tests.sweep.damage import Cut

Kind = Literal[
    "apply",
    "rotate",
    "refresh lists",
    "kill controller",
    "interrupt",
    "interrupt twice",
    "cut",
    "unplug",
    "kill script",
    "fill disk",
    "second controller",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Those that come for every host of a run that changes it.
STEPS = (Step.OBSERVE, Step.STAGE, Step.REHEARSE, Step.ACTIVATE, Step.PROBE, Step.CONFIRM)
MOMENTS = ("begin", "during", "end")
LINES = (
    HostStep.LEASED,
    HostStep.STAGED,
    HostStep.REHEARSED,
    HostStep.ARMED,
    HostStep.SWITCHED,
    HostStep.RELOADED,
    HostStep.CONFIRMED,
)
SHORT: tuple[Cut, ...] = ("reset", "session")
"""A connection that goes silent is given up after most of a minute: see test_cut.py."""
MOST = 5
"""Hosts of one operation: many operations on few hosts find more than few on many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that happens."""

    number: int
    kind: Kind
    hosts: tuple[str, ...]
    """At which a run is aimed."""
    victim: str
    """One of them, which something happens to."""
    rotates: bool
    """Whether the run rotates certificates, rather than change a header."""
    serial: int
    """Hosts in a batch, or 0."""
    step: Step
    moment: str
    nth: int
    """Of the hosts that come to the step."""
    line: HostStep
    cut: Cut

    def __str__(self) -> str:
        """Say it in a line."""
        verb = "rotate" if self.rotates else "apply"
        if self.kind == "refresh lists":
            verb = "rotate --what crl"
        run = f"{verb} {','.join(self.hosts)}"
        batches = f" --serial {self.serial}" if self.serial else ""
        place = {
            "kill controller": f" at {self.moment} of {self.step}, host {self.nth}",
            "interrupt": f" at {self.moment} of {self.step}, host {self.nth}",
            "interrupt twice": f" at {self.moment} of {self.step}, host {self.nth}",
            "cut": f" ({self.cut}) at {self.moment} of {self.step}, host {self.nth}",
            "kill script": f" on {self.victim}, {self.moment} {self.line}",
            "unplug": f" {self.victim}",
            "fill disk": f" of {self.victim}",
        }.get(self.kind, "")
        return f"{self.number}. {self.kind}{place}: {run}{batches}"


def operations(seed: int, names: Sequence[str]) -> Iterator[Operation]:
    """Draw one operation after another, for ever."""
    dice = random.Random(seed)
    number = 0
    while True:
        # Each kind once, in some order, before one comes again: a minute is not long.
        for kind in dice.sample(KINDS, len(KINDS)):
            number += 1
            hosts = tuple(dice.sample(list(names), dice.randint(2, MOST)))
            rotates = kind == "rotate" or (kind != "refresh lists" and dice.random() < 0.3)
            # Every attribute is drawn, needed or not: the next operation is the same either way.
            yield Operation(
                number=number,
                kind=kind,
                hosts=hosts,
                victim=dice.choice(hosts),
                rotates=rotates,
                serial=dice.choice((0, 0, 1, 2)),
                step=dice.choice(STEPS),
                moment=dice.choice(MOMENTS),
                nth=dice.randint(1, len(hosts)),
                line=dice.choice(LINES),
                cut=dice.choice(SHORT),
            )
