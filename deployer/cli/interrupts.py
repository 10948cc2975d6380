"""
What Ctrl-C does, and its like: SIGTERM, and SIGHUP from a terminal that is closed.

The first lets the hosts in flight end, and nothing else begin. The second stops at once: the hosts
then finish or undo by themselves what was begun there.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from deployer.fleet.stopping import SIGNALS, StopSign


class _Interrupts:
    """The signals that have come, and what to do about them."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.sign: StopSign | None = None
        self.first_said = ""
        self.second_said = ""

    def take(self, number: int, _: FrameType | None) -> None:
        """Take a signal, in the middle of whatever the main thread does."""
        if self.first is not None:
            _say(self.second_said)
            os._exit(128 + number)
        self.first = number
        _say(self.first_said)
        if self.sign is None:
            raise KeyboardInterrupt
        self.sign.put_up()


_interrupts = _Interrupts()


def heed() -> None:
    """Take notice of signals from now on; those that were ignored (nohup) stay so."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupts.take)


def have_come() -> bool:
    """Say whether this run was interrupted."""
    return _interrupts.first is not None


def exit_status() -> int:
    """Say how a run ends that was interrupted: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + (_interrupts.first or signal.SIGINT)


@contextmanager
def deferred(first: str, second: str) -> Iterator[StopSign]:
    """
    Have the first signal put up a sign during the block, rather than end whatever is going on.

    What is said to people: `first` at the first, `second` at the second, which ends the process.
    """
    with StopSign() as sign:
        _interrupts.sign, _interrupts.first_said, _interrupts.second_said = sign, first, second
        try:
            yield sign
        finally:
            _interrupts.sign, _interrupts.first_said, _interrupts.second_said = None, "", ""


def _say(text: str) -> None:
    # Not through a stream: the signal may have come in the middle of a write to it.
    if text:
        try:
            os.write(2, f"\n{text}\n".encode())
        except OSError:
            return
