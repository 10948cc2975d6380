"""
Rollout: many hosts brought to their releases, in batches, and stopped when too many fail.

Without batches each host is switched as soon as it is ready. With them every release lies ready and
rehearsed on its host before the first is switched: what fails without harm has failed by then.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress

from deployer.errors import DeployerError, NeedsHands
from deployer.fleet.executor import in_parallel
from deployer.fleet.stopping import StopSign
from deployer.host import verbs
from deployer.result import Event, HostResult, Listener, Outcome, Step
from deployer.rolling import Strategy
from deployer.workflows.deploy import Deployment, Prepared, deploy, prepare, switch
from deployer.workflows.heartbeat import Heartbeat

THE_CONTROLLER = "controller"
_WELL = frozenset({Outcome.CHANGED, Outcome.UNCHANGED})

Ended = Iterator[tuple[Deployment, HostResult]]
"""Hosts, each with how it ended, as they end."""


class Rollout:
    """One run over its hosts, as a strategy says."""

    def __init__(
        self,
        strategy: Strategy,
        *,
        failed: Collection[str],
        forks: int,
        listen: Listener,
        stop: StopSign,
        halted: Callable[[], str] = str,
    ) -> None:
        """`failed`: hosts of the run that have failed already. `halted`: see `Operator`."""
        self._stop = stop
        self._strategy = strategy
        self._forks = forks
        self._listen = listen
        self._gate = Gate(strategy, failed, stop, halted)
        self._prepared: dict[str, Prepared] = {}

    def over(self, deployments: Sequence[Deployment], names: Sequence[str]) -> Ended:
        """
        Deploy hosts. One that was not begun, because too many others had failed, is `skipped`.

        `names` are all hosts of the run in the order of the inventory, with those to which nothing
        is brought: they have their places in the batches.
        """
        waiting = {one.host.name: one for one in deployments}
        with Heartbeat(self._waiting, forks=self._forks):
            if self._strategy.rolls and not self._gate.reason:
                for one, result in self._prepare(deployments):
                    del waiting[one.host.name]
                    yield one, result
            begun = False
            for batch in self._strategy.batches(names):
                members = [waiting[name] for name in batch if name in waiting]
                if begun and members and not self._gate.reason:
                    self._soak()
                begun = begun or bool(members)
                yield from self._bring(members)
                self._gate.close_after(batch)

    def _waiting(self) -> tuple[Prepared, ...]:
        """Return the hosts whose turn has not come."""
        return tuple(self._prepared.copy().values())

    def _prepare(self, deployments: Sequence[Deployment]) -> Ended:
        """Bring every release to its host; yield the hosts on which that failed."""

        def work(one: Deployment) -> Prepared | HostResult:
            reason = self._gate.reason
            return skipped(one.host.name, reason) if reason else prepare(one, self._listen)

        for one, found in in_parallel(work, deployments, forks=self._forks):
            if isinstance(found, DeployerError):
                self._gate.failed(one.host.name)
                yield one, HostResult.of_error(one.host.name, found)
            elif isinstance(found, HostResult):
                yield one, found
            else:
                self._prepared[one.host.name] = found

    def _bring(self, members: Sequence[Deployment]) -> Ended:
        for one, result in in_parallel(self._one, members, forks=self._forks):
            if isinstance(result, DeployerError):
                yield one, HostResult.of_error(one.host.name, result)
            else:
                yield one, result

    def _one(self, deployment: Deployment) -> HostResult:
        name = deployment.host.name
        ready = self._prepared.pop(name, None)
        if self._gate.reason:
            if ready is not None:
                with suppress(DeployerError):  # it ends by itself, a little later
                    verbs.release(deployment.host, deployment.switch)
            return skipped(name, self._gate.reason)
        try:
            return switch(ready, self._listen) if ready else deploy(deployment, self._listen)
        except DeployerError as error:
            # Here rather than where it is yielded: others are about to begin.
            self._gate.failed(name, needs_hands=isinstance(error, NeedsHands))
            raise

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
        self._lock = threading.Lock()
        self._reason = ""
        for name in sorted(failed):
            self.failed(name)

    @property
    def reason(self) -> str:
        """Why nothing begins any more; nothing as long as hosts may."""
        return self._reason or ("interrupted" if self._stop.is_up else "") or self._halted()

    def failed(self, name: str, *, needs_hands: bool = False) -> None:
        """
        Take notice of a host that has failed.

        One that serves neither the old nor the new ends the run, whatever number may fail.
        """
        with self._lock:
            self._failed.add(name)
            self._close(f"{name} needs hands" if needs_hands else "")
            self._close(self._strategy.at_once(name, len(self._failed)))

    def close_after(self, batch: Collection[str]) -> None:
        """Decide whether another batch may begin after this one."""
        with self._lock:
            count = len(self._failed.intersection(batch))
            self._close(self._strategy.after_batch(len(batch), count))

    def _close(self, reason: str) -> None:
        self._reason = self._reason or reason


def skipped(name: str, reason: str) -> HostResult:
    """Say of a host that nothing was begun there, and why."""
    return HostResult(
        host=name,
        outcome=Outcome.SKIPPED,
        summary=f"not begun: {reason}",
        hint="it has what it had: apply again",
    )
