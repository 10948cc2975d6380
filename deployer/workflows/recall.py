"""
Recall: hosts of a run that ended well, and are brought back because others did not.

The release that a host had before is kept there, so it goes back by the same steps as it came:
rehearsed, switched, proven, confirmed.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from deployer.errors import DeployerError, Interrupted, NeedsHands, RolledBack, StepFailed
from deployer.fleet.executor import in_parallel
from deployer.fleet.stopping import StopSign
from deployer.host import verbs
from deployer.result import HostResult, Listener, Outcome, Step
from deployer.rolling import Scope
from deployer.workflows.claims import Claimant
from deployer.workflows.deploy import Deployment, deploy, narrated
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
        self, scope: Scope, claimant: Claimant, *, forks: int, listen: Listener, stop: StopSign
    ) -> None:
        self._scope = scope
        self._claimant = claimant
        self._forks = forks
        self._listen = listen
        self._stop = stop
        self._changed: dict[str, Deployment] = {}
        self._failed = ""

    def note(self, one: Deployment, result: HostResult) -> None:
        """Take notice of how a host ended."""
        if result.outcome is Outcome.CHANGED:
            self._changed[one.host.name] = one
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
        members = [self._changed.pop(name) for name in names if name in self._changed]
        ways: dict[str, Deployment] = {}

        def bring(one: Deployment) -> HostResult:
            if self._stop.is_up:
                raise StepFailed(one.host.name, Step.ROLL_BACK, "interrupted before it was begun")
            with narrated(one.host.name, Step.ROLL_BACK, self._listen) as say:
                way = self._way(one)
                if way is None:
                    return HostResult(
                        host=one.host.name,
                        outcome=Outcome.CHANGED,
                        release=one.release.id,
                        unproven=FIRST_RELEASE,
                    )
                ways[one.host.name] = way
                result = deploy(way, self._listen)
                say(f"to {way.kept}")
            return replace(
                result,
                outcome=Outcome.ROLLED_BACK,
                summary=f"brought back to {way.kept}: {reason}",
                hint="it has what it had before this run",
            )

        for one, result in in_parallel(bring, members, forks=self._forks):
            if isinstance(result, DeployerError):
                yield one, _not_brought(one, result)
            else:
                yield ways.get(one.host.name, one), result

    def _way(self, one: Deployment) -> Deployment | None:
        """Find the way of a host to what it had; None where it had nothing."""
        host, before = one.host, one.found.current
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
            host,
            found,
            kept,
            clients=one.clients,
            switch=self._claimant.switch(found, confirm_timeout=timeout),
        )


def _not_brought(one: Deployment, error: DeployerError) -> HostResult:
    """Say of a host that it could not be brought back, and what it has then."""
    told = HostResult.of_error(one.host.name, error)
    if isinstance(error, NeedsHands | Interrupted):
        outcome = told.outcome
        summary = f"on the way back: {told.summary}"
    else:
        outcome = Outcome.FAILED
        summary = f"not brought back, it has the release of this run: {told.summary}"
    again = f"deployer rollback {one.host.name} --to {one.found.current}"
    hint = again if isinstance(error, RolledBack) or not told.hint else f"{told.hint}; {again}"
    return replace(told, outcome=outcome, summary=summary, hint=hint)
