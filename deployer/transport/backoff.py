"""
Coming again to a host that drops connections.

A busy sshd drops some before it says anything (MaxStartups, PerSourcePenalties). Those who come
again all at once would be dropped again.
"""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from deployer.errors import Unreachable

Reached = TypeVar("Reached")

_FIRST_PAUSE = 0.5
_ATTEMPTS = 6


class Dropped(Unreachable):
    """The connection ended before the host had said that it speaks SSH."""


def persistently(reach: Callable[[], Reached], *, within: float) -> Reached:
    """
    Try until we are not dropped; raises the last `Dropped` after so many seconds.

    The pauses double, each is between half and one and a half of its length, by chance.
    """
    until = time.monotonic() + within
    for number in range(1, _ATTEMPTS):
        try:
            return reach()
        except Dropped:
            pause = _FIRST_PAUSE * 2 ** (number - 1) * random.uniform(0.5, 1.5)  # noqa: S311
            if time.monotonic() + pause > until:
                raise
            threading.Event().wait(pause)
    return reach()
