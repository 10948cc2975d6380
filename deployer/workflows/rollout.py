"""
Rollout: many hosts brought to their releases, in batches, and stopped when too many fail.

Without batches each host is switched as soon as it is ready. With them every release lies ready and
rehearsed on its host before the first is switched: what fails without harm has failed by then.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from deployer.errors import DeployerError, NeedsHands
from deployer.fleet.executor import Executor, Work, in_parallel
from deployer.fleet.stopping import StopSign
from deployer.result import Event, HostResult, Listener, Outcome, Step
from deployer.rolling import Strategy
from deployer.workflows.deploy import Deploy, Deployment, Prepare, Prepared, SwitchTo
from deployer.workflows.heartbeat import Heartbeat
from deployer.workflows.leases import GiveBack, Renew
from deployer.workflows.recall import Recall

THE_CONTROLLER = "controller"

Ended = Iterator[tuple[Deployment, HostResult]]
"""Hosts, each with how it ended, as they end."""


class Rollout:
    """One run over its hosts, as a strategy says."""

    def __init__(
        self,
        strategy: Strategy,
        executor: Executor,
        *,
        failed: Collection[str],
        forks: int,
        listen: Listener,
        stop: StopSign,
        halted: Callable[[], str] = str,
        recall: Recall | None = None,
    ) -> None:
        """
        `failed`: hosts of the run that have failed already. `halted`: see `Operator`.

        `recall` brings back hosts that ended well when others fail.
        """
        self._stop = stop
        self._strategy = strategy
        self._executor = executor
        self._forks = forks
        self._listen = listen
        self._gate = Gate(strategy, failed, stop, halted)
        self._recall = recall
        self._prepared: dict[str, Prepared] = {}

    def over(self, deployments: Sequence[Deployment], names: Sequence[str]) -> Ended:
        """
        Deploy hosts. One that was not begun, because too many others had failed, is `skipped`.

        `names` are all hosts of the run in the order of the inventory, with those to which nothing
        is brought: they have their places in the batches.
        """
        waiting = {one.name: one for one in deployments}
        with Heartbeat(self._executor, self._waiting, forks=self._forks):
            if self._strategy.rolls and not self._gate.reason:
                for one, result in self._prepare(deployments):
                    del waiting[one.name]
                    yield one, result
            begun = False
            for batch in self._strategy.batches(names):
                members = [waiting[name] for name in batch if name in waiting]
                if begun and members and not self._gate.reason:
                    self._soak()
                begun = begun or bool(members)
                yield from self._bring(members)
                self._gate.close_after(batch)
                yield from self._bring_back(batch)

    def _waiting(self) -> tuple[Renew, ...]:
        """Return the hosts whose turn has not come."""
        ready = [one.deployment for one in self._prepared.copy().values()]
        return tuple(Renew(where=one.where, switch=one.switch) for one in ready)

    def _prepare(self, deployments: Sequence[Deployment]) -> Ended:
        """Bring every release to its host; yield the hosts on which that failed."""
        by_name = {one.name: one for one in deployments}
        begun: set[str] = set()

        def tasks() -> Iterator[Prepare]:
            for one in deployments:
                if self._gate.reason:
                    return
                begun.add(one.name)
                yield Prepare(deployment=one)

        for task, found in self._performed(tasks()):
            if isinstance(found, DeployerError):
                self._gate.failed(task.host)
                yield by_name[task.host], HostResult.of_error(task.host, found)
            else:
                self._prepared[task.host] = found
        for one in deployments:
            if one.name not in begun:
                yield one, skipped(one.name, self._gate.reason)

    def _bring(self, members: Sequence[Deployment]) -> Ended:
        """Switch the hosts of a batch, as long as they may begin."""
        left = {one.name: one for one in members}
        begun: dict[str, Deployment] = {}

        def tasks() -> Iterator[Deploy | SwitchTo]:
            for one in members:
                if self._gate.reason:
                    return
                begun[one.name] = left.pop(one.name)
                ready = self._prepared.pop(one.name, None)
                yield SwitchTo(prepared=ready) if ready else Deploy(deployment=one)

        for task, found in self._performed(tasks()):
            ended = found
            if isinstance(found, DeployerError):
                self._gate.failed(task.host)
                if isinstance(found, NeedsHands):
                    self._gate.close(f"{task.host} needs hands")
                ended = HostResult.of_error(task.host, found)
            if self._recall is not None:
                self._recall.note(begun[task.host], ended)
            yield begun[task.host], ended
        yield from self._leave(left.values())

    def _bring_back(self, batch: Collection[str]) -> Ended:
        reason = self._recall.reason(self._gate.broken) if self._recall else ""
        if self._recall is not None and reason:
            self._gate.close(reason)
            yield from self._recall.after(batch, reason)

    def _leave(self, left: Iterable[Deployment]) -> Ended:
        """Give back the leases of hosts that are not begun."""
        ready = [one.deployment for one in map(self._forget, left) if one]
        leases = (GiveBack(where=one.where, switch=one.switch) for one in ready)
        for _ in self._performed(leases):
            pass  # one that cannot be given back ends by itself, a little later
        for one in left:
            yield one, skipped(one.name, self._gate.reason)

    def _forget(self, one: Deployment) -> Prepared | None:
        return self._prepared.pop(one.name, None)

    def _performed(self, tasks: Iterable[Work]) -> Iterator[tuple[Work, Any]]:
        return in_parallel(self._executor, tasks, forks=self._forks, listen=self._listen)

    def _soak(self) -> None:
        seconds = self._strategy.soak
        if seconds:
            self._listen(Event(host=THE_CONTROLLER, step=Step.SOAK, ended=False))
            self._stop.wait(seconds)
            detail = f"{seconds:g} s"
            self._listen(Event(host=THE_CONTROLLER, step=Step.SOAK, ended=True, detail=detail))


class Gate:
    """What lets hosts begin, until too many have failed."""

    def __init__(
        self,
        strategy: Strategy,
        failed: Collection[str],
        stop: StopSign,
        halted: Callable[[], str],
    ) -> None:
        self._halted = halted
        self._strategy = strategy
        self._stop = stop
        self._failed: set[str] = set()
        self._reason = ""
        for name in sorted(failed):
            self.failed(name)

    @property
    def reason(self) -> str:
        """Why nothing begins any more; nothing as long as hosts may."""
        return self._reason or ("interrupted" if self._stop.is_up else "") or self._halted()

    @property
    def broken(self) -> str:
        """Why nothing begins any more because of hosts that have failed."""
        return self._reason

    def close(self, reason: str) -> None:
        """Let nothing begin any more; the first reason counts."""
        self._reason = self._reason or reason

    def failed(self, name: str) -> None:
        """Take notice of a host that has failed."""
        self._failed.add(name)
        self.close(self._strategy.at_once(name, len(self._failed)))

    def close_after(self, batch: Collection[str]) -> None:
        """Decide whether another batch may begin after this one."""
        count = len(self._failed.intersection(batch))
        self.close(self._strategy.after_batch(len(batch), count))


def skipped(name: str, reason: str) -> HostResult:
    """Say of a host that nothing was begun there, and why."""
    return HostResult(
        host=name,
        outcome=Outcome.SKIPPED,
        summary=f"not begun: {reason}",
        hint="it has what it had: apply again",
    )
