"""
Do one piece of work on many hosts, and turn what can go wrong there into values.

Expected failures become results, so that one host never ends the run of the others; a bug
keeps its traceback and ends everything.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from deployer.errors import DeployerError

Item = TypeVar("Item")
Result = TypeVar("Result")


def attempt(work: Callable[[Item], Result], item: Item) -> Result | DeployerError:
    """Return what the work returned, or the error an operator can act on."""
    try:
        return work(item)
    except DeployerError as error:
        return error


def in_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    forks: int,
    gave_up: threading.Event | None = None,
) -> Iterator[tuple[Item, Result | DeployerError]]:
    """
    Yield each item with its result, in the order they finish: a slow one hides no other.

    Interrupted, it starts nothing more, waits for what is in flight, yields that too, and only
    then passes the interrupt on: nobody is left guessing which hosts were changed. `gave_up` is
    set before that wait, for work that would go on waiting for others.
    """
    ended: SimpleQueue[tuple[Item, Result | DeployerError | BaseException]] = SimpleQueue()

    def run(item: Item) -> None:
        # Into a queue, for a future may get lost when the interrupt comes while it is made.
        try:
            ended.put((item, attempt(work, item)))
        except BaseException as bug:  # noqa: BLE001 - raised again by whoever reads the queue
            ended.put((item, bug))

    pool = ThreadPoolExecutor(max_workers=forks)
    try:
        submitted = [pool.submit(run, item) for item in items]
        for _ in submitted:
            yield _checked(*ended.get())
    except KeyboardInterrupt:
        if gave_up is not None:
            gave_up.set()
        pool.shutdown(cancel_futures=True)
        while not ended.empty():
            yield _checked(*ended.get())
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _checked(
    item: Item, result: Result | DeployerError | BaseException
) -> tuple[Item, Result | DeployerError]:
    if isinstance(result, BaseException) and not isinstance(result, DeployerError):
        raise result
    return item, result
