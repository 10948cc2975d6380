"""What asks a run to begin nothing more: a sign, and signals that must wait for a moment."""

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

_LONGEST = 86400
"""Seconds that `poll` is asked to wait; it takes no more than 24 days."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSign:
    """
    Put up by a signal handler, seen by every thread.

    No lock is taken to put it up: the handler runs in the middle of whatever the main thread does,
    and what that holds would never be let go.
    """

    def __init__(self) -> None:
        self._up = False
        self._reader, self._writer = os.pipe()

    @property
    def is_up(self) -> bool:
        """Whether somebody has asked."""
        return self._up

    def put_up(self) -> None:
        """Ask the run to begin nothing more."""
        self._up = True
        os.write(self._writer, b"!")

    def wait(self, seconds: float) -> None:
        """Wait so long, or until somebody asks."""
        # Not `select`, which knows only the first 1,024 descriptors of a process.
        waiting = select.poll()
        waiting.register(self._reader, select.POLLIN)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if waiting.poll(1000 * min(left, _LONGEST)):
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """
    Let signals wait until the block has ended.

    For the few lines in which an interrupt would lose track of something that has begun. Signals
    interrupt the main thread alone, so elsewhere there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    # None: a handler that was not installed from Python. Those that ignore take nothing.
    handlers = {
        int(number): handler
        for number in SIGNALS
        if callable(handler := signal.getsignal(number)) and not isinstance(handler, int)
    }
    for number in handlers:
        signal.signal(number, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number, frame in came:
            handlers[number](number, frame)
