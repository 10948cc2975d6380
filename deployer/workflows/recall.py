"""
Recall: hosts of a run that ended well, and are brought back because others did not.

The release that a host had before is kept there, so it goes back by the same steps as it came:
rehearsed, switched, proven, confirmed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from deployer.errors import DeployerError, Interrupted, NeedsHands, RolledBack, StepFailed
from deployer.fleet.executor import Executor, in_parallel
from deployer.fleet.stopping import StopSign
from deployer.fleet.workplace import Workplace
from deployer.host import verbs
from deployer.host.script import Host
from deployer.result import HostResult, Listener, Outcome, Step
from deployer.rolling import Scope
from deployer.workflows.claims import Claimant
from deployer.workflows.deploy import Deployment, narrated, prepare, switch
from deployer.workflows.way_back import way_back

FIRST_RELEASE = "it could not be brought back: it had no release before this run"
_AFTER_THE_SWITCH = {
    Outcome.ROLLED_BACK: "was rolled back",
    Outcome.NEEDS_HANDS: "needs hands",
    Outcome.UNKNOWN: "was lost after its switch",
}


class Recall:
    """What a run has changed so far, and what of it is brought back when something fails."""

    def __init__(
        self,
        scope: Scope,
        executor: Executor,
        claimant: Claimant,
        *,
        forks: int,
        listen: Listener,
        stop: StopSign,
    ) -> None:
        self._scope = scope
        self._executor = executor
        self._claimant = claimant
        self._forks = forks
        self._listen = listen
        self._stop = stop
        self._changed: dict[str, Deployment] = {}
        self._failed = ""

    def note(self, one: Deployment, result: HostResult) -> None:
        """Take notice of how a host ended."""
        if result.outcome is Outcome.CHANGED:
            self._changed[one.name] = one
        elif result.outcome in _AFTER_THE_SWITCH:
            self._failed = self._failed or f"{result.host} {_AFTER_THE_SWITCH[result.outcome]}"

    def reason(self, broken: str) -> str:
        """
        Say why hosts are brought back after this batch, if they are.

        `broken` is why the run stops, if it does. Whoever interrupts a run wants nothing else to
        begin, and that neither.
        """
        if self._scope == "host" or self._stop.is_up:
            return ""
        return self._failed or broken

    def after(self, batch: Collection[str], reason: str) -> Iterator[tuple[Deployment, HostResult]]:
        """Bring back what has changed in a batch, or in the run; yield how each ended."""
        names = list(self._changed) if self._scope == "run" else batch
        members = {name: self._changed.pop(name) for name in names if name in self._changed}
        begun: set[str] = set()

        def tasks() -> Iterator[BringBack]:
            for one in members.values():
                if self._stop.is_up:
                    return
                begun.add(one.name)
                yield BringBack(deployment=one, claimant=self._claimant, reason=reason)

        for task, ended in in_parallel(
            self._executor, tasks(), forks=self._forks, listen=self._listen
        ):
            if isinstance(ended, DeployerError):
                yield task.deployment, _not_brought(task.deployment, ended)
            else:
                yield ended
        for one in members.values():
            if one.name not in begun:
                stopped = StepFailed(one.name, Step.ROLL_BACK, "interrupted before it was begun")
                yield one, _not_brought(one, stopped)


@dataclass(frozen=True, slots=True, kw_only=True)
class BringBack:
    """The task of bringing a host back to what it had before a run."""

    deployment: Deployment
    """What the run has brought it to."""
    claimant: Claimant
    reason: str

    @property
    def host(self) -> str:
        """The inventory's name of the host."""
        return self.deployment.name

    def perform(self, place: Workplace, listen: Listener) -> tuple[Deployment, HostResult]:
        """Go back, and say on which way; raise `DeployerError` where that cannot be."""
        host = place.host(self.deployment.where)
        with narrated(host.name, Step.ROLL_BACK, listen) as say:
            way = self._way(host)
            if way is None:
                return self.deployment, HostResult(
                    host=host.name,
                    outcome=Outcome.CHANGED,
                    release=self.deployment.release.id,
                    unproven=FIRST_RELEASE,
                )
            result = switch(host, prepare(host, way, listen), listen)
            say(f"to {way.kept}")
        return way, replace(
            result,
            outcome=Outcome.ROLLED_BACK,
            summary=f"brought back to {way.kept}: {self.reason}",
            hint="it has what it had before this run",
        )

    def _way(self, host: Host) -> Deployment | None:
        """Find the way of a host to what it had; None where it had nothing."""
        one, before = self.deployment, self.deployment.found.current
        if not before:
            return None
        found = verbs.observe(host)
        if found.current.partition(".")[0] != one.release.id:
            raise StepFailed(host.name, Step.ROLL_BACK, "another run has been here since")
        kept = verbs.kept(host, before)
        if not kept.name:
            raise StepFailed(host.name, Step.ROLL_BACK, f"{before} is not here any more")
        timeout = one.switch.confirm_timeout
        return way_back(
            one.where,
            found,
            kept,
            clients=one.clients,
            switch=self.claimant.switch(found, confirm_timeout=timeout),
        )


def _not_brought(one: Deployment, error: DeployerError) -> HostResult:
    """Say of a host that it could not be brought back, and what it has then."""
    told = HostResult.of_error(one.name, error)
    if isinstance(error, NeedsHands | Interrupted):
        outcome = told.outcome
        summary = f"on the way back: {told.summary}"
    else:
        outcome = Outcome.FAILED
        summary = f"not brought back, it has the release of this run: {told.summary}"
    again = f"deployer rollback {one.name} --to {one.found.current}"
    hint = again if isinstance(error, RolledBack) or not told.hint else f"{told.hint}; {again}"
    return replace(told, outcome=outcome, summary=summary, hint=hint)
