"""
The seam between a run and whatever does its work: a task goes in, a future comes out.

A task is plain data about one host. Who performs it, in which thread, process or machine, is for an
executor to decide; a run only says how many may be under way. Tasks of one host find the connection
that an earlier one opened, so an executor gives all of them to the same workplace.
"""

import math
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from typing import Any, Protocol, TypeVar

from deployer.errors import DeployerError
from deployer.fleet.stopping import uninterrupted
from deployer.fleet.workplace import Workplace
from deployer.result import Listener

Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")

_HEEDING = 1.0
"""Seconds after which a signal has been heeded at the latest."""


class Task(Protocol[Result_co]):
    """
    One piece of work on one host: a frozen value that can be pickled, and so can its result.

    It names everything that it needs; keys in it travel, and are written nowhere.
    """

    @property
    def host(self) -> str:
        """The inventory's name of the host."""

    def perform(self, place: Workplace, listen: Listener) -> Result_co:
        """Do the work, and tell of its steps; raise a `DeployerError` for what can go wrong."""


class Executor(Protocol):
    """Has tasks performed."""

    def submit(self, task: Task[Result], listen: Listener) -> Future[Result]:
        """Have a task performed as soon as may be; `listen` is told of its steps from anywhere."""

    def give_up(self) -> None:
        """Wait for nobody else any more; return when nothing is under way. Nothing can follow."""

    def close(self) -> None:
        """Give back the connections, and whatever else there is. Safe to call twice."""


Work = TypeVar("Work", bound=Task[Any])


def in_parallel(
    executor: Executor, tasks: Iterable[Work], *, forks: int, listen: Listener
) -> Iterator[tuple[Work, Any]]:
    """
    Yield each task with its result, or with the error that kept it from one, as they end.

    At most `forks` are under way, and the next is taken from `tasks` when its turn has come: all
    that had ended by then was yielded before. Expected failures become results, so that one host
    never ends the run of the others; a bug keeps its traceback and ends everything.

    Interrupted, it begins nothing more, waits for what is in flight, yields that too, and only
    then passes the interrupt on: nobody is left guessing which hosts were changed.
    """
    for landed in with_lull(executor, tasks, forks=forks, listen=listen, lull=None):
        if landed is not None:
            yield landed


def with_lull(
    executor: Executor,
    tasks: Iterable[Work],
    *,
    forks: int,
    listen: Listener,
    lull: float | None,
) -> Iterator[tuple[Work, Any] | None]:
    """
    Do the same, and yield None once if those that are left keep everybody waiting.

    That is so when all have begun, some have ended, and for `lull` seconds no other has. Whoever
    goes on with those that have ended comes back for the rest later.
    """
    flying: dict[Future[Any], Work] = {}
    coming = iter(tasks)
    some_ended = False

    def begin() -> None:
        for task in islice(coming, forks - len(flying)):
            with uninterrupted():
                flying[executor.submit(task, listen)] = task

    def landed() -> Iterator[tuple[Work, Any]]:
        for future in [one for one in flying if one.done()]:
            yield flying[future], _outcome(future)
            del flying[future]  # not before: an interrupt may come between any two lines

    try:
        begin()
        while flying:
            patience = lull if some_ended and len(flying) < forks else None
            if _any_ended(flying, patience):
                yield from landed()
                begin()
                some_ended = True
            else:
                lull = None
                yield None
    except KeyboardInterrupt:
        executor.give_up()
        yield from landed()
        raise
    finally:
        wait(flying)


def _outcome(future: Future[Any]) -> Any:
    """Return what a task returned, or the error that an operator can act on."""
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, DeployerError):
        return error
    raise error


def _any_ended(flying: Iterable[Future[Any]], patience: float | None) -> bool:
    """
    Wait until one has ended, or for so many seconds; say whether one has.

    In turns: a signal that comes between the interpreter's last look at them and the wait itself
    is heeded when the wait is over.
    """
    until = time.monotonic() + (math.inf if patience is None else patience)
    while True:
        turn = min(_HEEDING, max(0, until - time.monotonic()))
        if wait(flying, timeout=turn, return_when=FIRST_COMPLETED).done:
            return True
        if time.monotonic() >= until:
            return False
