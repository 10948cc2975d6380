"""A sign that asks a run to begin nothing more."""

import os
import select
from types import TracebackType
from typing import Self


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
        select.select([self._reader], [], [], seconds)

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
