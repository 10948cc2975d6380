"""Tasks performed in threads of this process."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from deployer.fleet.executor import Task
from deployer.fleet.workplace import Workplace
from deployer.result import Listener

Result = TypeVar("Result")


class Threads:
    """An executor whose tasks share one workplace."""

    def __init__(self, place: Workplace, *, forks: int) -> None:
        """`forks`: how many hosts a run has at work at once."""
        self._place = place
        # As many again: signs of life must not wait behind hosts that hang.
        self._pool = ThreadPoolExecutor(max_workers=2 * forks, thread_name_prefix="host")

    def submit(self, task: Task[Result], listen: Listener) -> Future[Result]:
        """Have a task performed by the next thread that is free."""
        return self._pool.submit(task.perform, self._place, listen)

    def give_up(self) -> None:
        """Wait for nobody else any more, and for what is under way."""
        self._place.gave_up.set()
        self._pool.shutdown()

    def close(self) -> None:
        """Wait for what is under way, for nobody else, and give the connections back."""
        self._place.gave_up.set()
        self._pool.shutdown()
        self._place.close()
