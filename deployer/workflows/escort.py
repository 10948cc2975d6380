"""
Escort: an executor that has the project's own commands run around each switch, on the controller.

Whoever performs the tasks need not know of it, and may be in another process or elsewhere.
"""

from collections.abc import MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from deployer.fleet.executor import Executor, Task
from deployer.result import HostResult, Listener
from deployer.workflows.around import Around
from deployer.workflows.deploy import Deploy, Deployment, Prepare, Prepared, SwitchTo
from deployer.workflows.recall import BringBack, Ended


class Escort:
    """Hands tasks to another executor; those that switch a host between two commands."""

    def __init__(
        self,
        executor: Executor,
        around: Around,
        waiting: MutableMapping[str, Prepared],
        *,
        forks: int,
    ) -> None:
        """
        Stand before an executor.

        `waiting` has the hosts on which a release lies ready, by name, whose leases are kept.
        A host stays there until its switch begins, for the command before it may take its time. One
        that is there when its task has failed was not switched, and is to be given back.
        """
        self._executor = executor
        self._around = around
        self._waiting = waiting
        # Threads of its own: those of the executor would wait for themselves.
        self._pool = ThreadPoolExecutor(max_workers=forks, thread_name_prefix="hook")

    def submit(self, task: Task[Any], listen: Listener) -> Future[Any]:
        """Have a task performed."""
        if not isinstance(task, Deploy | SwitchTo | BringBack):
            return self._executor.submit(task, listen)
        if not self._around.hosts:
            self._waiting.pop(task.host, None)
            return self._executor.submit(task, listen)
        if isinstance(task, BringBack):
            return self._pool.submit(self._escorted_back, task, listen)
        return self._pool.submit(self._escorted, task, listen)

    def _escorted_back(self, task: BringBack, listen: Listener) -> Ended:
        ways: list[Deployment] = []

        def work() -> HostResult:
            way, result = self._executor.submit(task, listen).result()
            ways.append(way)
            return result

        result = self._around.host(task.host, work)
        return ways[0], result

    def _escorted(self, task: Deploy | SwitchTo, listen: Listener) -> HostResult:
        if isinstance(task, Deploy):
            prepare = Prepare(deployment=task.deployment)
            ready = self._executor.submit(prepare, listen).result()
            self._waiting[task.host] = ready
            task = SwitchTo(prepared=ready)
        switch = task

        def work() -> HostResult:
            self._waiting.pop(switch.host, None)
            return self._executor.submit(switch, listen).result()

        return self._around.host(switch.host, work)

    def give_up(self) -> None:
        """Wait for nobody else any more, and for what is under way."""
        self._pool.shutdown()
        self._executor.give_up()

    def close(self) -> None:
        """Wait for what is under way; the other executor goes on."""
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
