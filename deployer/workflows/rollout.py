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
from deployer.workflows.around import THE_CONTROLLER, Around
from deployer.workflows.deploy import Deploy, Deployment, Prepare, Prepared, SwitchTo
from deployer.workflows.escort import Escort
from deployer.workflows.gate import Gate, skipped
from deployer.workflows.heartbeat import Heartbeat
from deployer.workflows.leases import GiveBack, Renew
from deployer.workflows.recall import Recall

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
        around: Around | None = None,
    ) -> None:
        """
        `failed`: hosts of the run that have failed already. `halted`, `around`: see `Operator`.

        `recall` brings back hosts that ended well when others fail.
        """
        self._around = around or Around()
        self._stop = stop
        self._strategy = strategy
        self._executor = executor
        self._forks = forks
        self._listen = listen
        self._gate = Gate(strategy, failed, stop, halted)
        self._recall = recall
        self._prepared: dict[str, Prepared] = {}
        self._escort = Escort(executor, self._around, self._prepared, forks=forks)

    def over(self, deployments: Sequence[Deployment], names: Sequence[str]) -> Ended:
        """
        Deploy hosts. One that was not begun, because too many others had failed, is `skipped`.

        `names` are all hosts of the run in the order of the inventory, with those to which nothing
        is brought: they have their places in the batches.
        """
        waiting = {one.name: one for one in deployments}
        with self._escort, Heartbeat(self._executor, self._waiting, forks=self._forks):
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
                yield from self._batch(members)
                self._gate.close_after(batch)
                yield from self._bring_back(batch)

    def _waiting(self) -> Iterator[Renew]:
        """Name the hosts whose turn has not come, each at the moment when it is asked for."""
        for name in tuple(self._prepared):
            if (ready := self._prepared.get(name)) is not None:
                one = ready.deployment
                yield Renew(where=one.where, switch=one.switch)

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

    def _batch(self, members: Sequence[Deployment]) -> Ended:
        """Bring hosts their releases, between the commands around a batch."""
        if not members or self._gate.reason:
            yield from self._bring(members)
            return
        outcomes = dict.fromkeys((one.name for one in members), Outcome.UNKNOWN)
        self._gate.refuse(self._around.begin_batch(tuple(outcomes)))
        try:
            for one, result in self._bring(members):
                outcomes[one.name] = result.outcome
                yield one, result
        finally:
            self._gate.close(self._around.end_batch(outcomes))

    def _bring(self, members: Sequence[Deployment]) -> Ended:
        """Switch the hosts of a batch, as long as they may begin."""
        left = {one.name: one for one in members}
        begun: dict[str, Deployment] = {}

        def tasks() -> Iterator[Deploy | SwitchTo]:
            for one in members:
                if self._gate.reason:
                    return
                begun[one.name] = left.pop(one.name)
                ready = self._prepared.get(one.name)
                yield SwitchTo(prepared=ready) if ready else Deploy(deployment=one)

        for task, found in self._performed(tasks()):
            ended = found
            if isinstance(found, DeployerError):
                self._gate.failed(task.host)
                if isinstance(found, NeedsHands):
                    self._gate.close(f"{task.host} needs hands")
                self._give_back([begun[task.host]])
                ended = HostResult.of_error(task.host, found)
            elif self._around.is_adrift(task.host):
                self._gate.failed(task.host)
            if self._recall is not None:
                self._recall.note(begun[task.host], ended)
            yield begun[task.host], ended
        yield from self._leave(left.values())

    def _bring_back(self, batch: Collection[str]) -> Ended:
        """Bring back hosts that ended well, if others did not and that is wanted."""
        reason = self._recall.reason(self._gate.broken) if self._recall else ""
        if self._recall is not None and reason:
            self._gate.close(reason)
            yield from self._recall.after(batch, reason, self._escort)

    def _leave(self, left: Iterable[Deployment]) -> Ended:
        """Tell of hosts that are not begun, and give them back."""
        self._give_back(left)
        for one in left:
            yield one, skipped(one.name, self._gate.reason)

    def _give_back(self, left: Iterable[Deployment]) -> None:
        """Give back the leases of hosts on which a release lies ready that is not for them."""
        ready = [one.deployment for one in map(self._forget, left) if one]
        leases = (GiveBack(where=one.where, switch=one.switch) for one in ready)
        for _ in self._performed(leases):
            pass  # one that cannot be given back ends by itself, a little later

    def _forget(self, one: Deployment) -> Prepared | None:
        return self._prepared.pop(one.name, None)

    def _performed(self, tasks: Iterable[Work]) -> Iterator[tuple[Work, Any]]:
        return in_parallel(self._escort, tasks, forks=self._forks, listen=self._listen)

    def _soak(self) -> None:
        seconds = self._strategy.soak
        if seconds:
            self._listen(Event(host=THE_CONTROLLER, step=Step.SOAK, ended=False))
            self._stop.wait(seconds)
            detail = f"{seconds:g} s"
            self._listen(Event(host=THE_CONTROLLER, step=Step.SOAK, ended=True, detail=detail))
