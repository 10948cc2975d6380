"""
Do one piece of work on many hosts, and turn what can go wrong there into values.

Expected failures become results, so that one host never ends the run of the others; a bug
keeps its traceback and ends everything.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
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
    work: Callable[[Item], Result], items: Iterable[Item], *, forks: int
) -> Iterator[tuple[Item, Result | DeployerError]]:
    """Yield each item with its result, in the order they finish: a slow one hides no other."""
    with ThreadPoolExecutor(max_workers=forks) as pool:
        futures = {pool.submit(attempt, work, item): item for item in items}
        for future in as_completed(futures):
            yield futures[future], future.result()
