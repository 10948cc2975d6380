"""
Preview: every host looked at and compared with its release. Nothing has been changed by then.

It is what `plan` shows, and what `apply` carries out.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

from deployer.advice.finding import Finding
from deployer.apache.rendering import Templates
from deployer.errors import DeployerError, StepFailed
from deployer.fleet.executor import Executor
from deployer.fleet.stopping import StopSign
from deployer.pki.profiles import CLIENT, SERVER
from deployer.probe.handshake import Identity
from deployer.result import HostResult, Listener, Step
from deployer.rolling import Strategy
from deployer.store.state import Store
from deployer.workflows import inspection
from deployer.workflows.around import Around
from deployer.workflows.checks import refusal
from deployer.workflows.claims import Claimant
from deployer.workflows.leases import Leave
from deployer.workflows.older_state import older
from deployer.workflows.strays import strays
from deployer.workflows.survey import Renewed, Seen, Survey, Surveyed, Target
from deployer.workflows.trust import Unlock
from deployer.workflows.twins import twins

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an apply is about to do."""

    hosts: tuple[Surveyed, ...]
    """Every host that was reached, sorted by name, changes or not."""
    failed: tuple[HostResult, ...]
    """Every host that could not be looked at, or is left as it is, sorted by name."""
    names: tuple[str, ...] = ()
    """All of them, in the order of the inventory."""
    late: tuple[str, ...] = ()
    """Hosts that have not answered yet, and come in the next preview."""
    findings: tuple[Finding, ...] = ()
    """What there is to say about the hosts that were looked at."""

    @property
    def changing(self) -> tuple[Surveyed, ...]:
        """Return the hosts that differ from their release."""
        return tuple(host for host in self.hosts if host.plan)


def _nothing(_: str) -> None:
    """Open keys when they are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who applies, and with what. Time was read once, here it is a value."""

    store: Store
    templates: Templates
    unlock: Unlock
    foresee: Callable[[str], None] = _nothing
    """Begin to open the key of an authority that will be needed; that takes a while."""
    may_unlock: bool
    """Whether the passphrase is at hand without asking anybody."""
    identity: Identity | None = field(default=None, repr=False)
    """A client certificate of their own, to prove that certified clients are let in."""
    now: datetime
    executor: Executor
    """What does the work on hosts."""
    forks: int
    confirm_timeout: int | None = None
    listen: Listener
    strategy: Strategy = field(default_factory=Strategy)
    anew: Collection[Renewed] = ()
    """What is issued again although it is good."""
    stopping: Callable[[], AbstractContextManager[StopSign]] = StopSign
    """Watches for somebody who wants the run to stop, as long as hosts are being switched."""
    claimant: Claimant = field(default_factory=Claimant)
    halted: Callable[[], str] = str
    """Says why nothing more may begin, if that is so: the log cannot be written."""
    around: Around = field(default_factory=Around)
    """The commands of the project before and after batches and hosts."""
    overwrites_drift: bool = True
    """Whether files that somebody edited on a host may be replaced."""
    takes_over: bool = True
    """Whether a host may get a release although it has that of another name."""

    def hang_up(self, host: str) -> None:
        """Give a connection back early: of a thousand at once, each costs memory and a file."""
        if not self.halted():  # then all of them are about to end
            self.executor.submit(Leave(host=host), self.listen)


def preview(survey: Survey, targets: Iterable[Target], operator: Operator) -> Preview:
    """Look at every host and compare it with its release. Changes nothing."""
    (seen,) = previews(survey, targets, operator, lull=None)
    return seen


def previews(
    survey: Survey, targets: Iterable[Target], operator: Operator, *, lull: float | None
) -> Iterator[Preview]:
    """
    Do the same in two waves, if there are hosts for which the others have waited `lull` seconds.

    The second comes when it is asked for, with those that were late: each has answered by then, or
    its deadline is over.
    """
    targets = tuple(targets)
    everywhere = inspection.sites_of(target.spec for target in targets)
    before: list[Surveyed] = []
    wave: list[Seen] = []
    late = {target.name for target in targets}
    for one in survey.with_lull(targets, forks=operator.forks, listen=operator.listen, lull=lull):
        if one is None:
            yield _judged(wave, before, targets, everywhere, operator, late=late)
            before += [result for _, result in wave if isinstance(result, Surveyed)]
            wave = []
            continue
        target, result = one
        late.discard(target.name)
        wave.append(one)
        if isinstance(result, Surveyed) and result.plan:
            _foresee(result, operator)
        else:
            operator.hang_up(target.name)
    yield _judged(wave, before, targets, everywhere, operator, late=())


def _judged(
    wave: Sequence[Seen],
    before: Sequence[Surveyed],
    targets: Sequence[Target],
    everywhere: inspection.Everywhere,
    operator: Operator,
    *,
    late: Collection[str],
) -> Preview:
    """Decide which of the hosts that were looked at may get their releases."""
    hosts: list[Surveyed] = []
    failed: list[HostResult] = []
    told: list[Finding] = []
    looked_at = {target.name for target, _ in wave}
    reached = [one for _, one in wave if isinstance(one, Surveyed)]
    doubles = twins([*before, *reached])
    others = {} if operator.takes_over else strays(reached, operator.store.deployments)
    for target, result in wave:
        if isinstance(result, DeployerError):
            failed.append(HostResult.of_error(target.name, result))
        elif drift := _drift(result, operator):
            failed.append(HostResult.of_error(target.name, drift))
        elif outdated := older(result, operator.store):
            failed.append(HostResult.of_error(target.name, outdated))
        elif target.name in doubles:
            failed.append(HostResult.of_error(target.name, doubles[target.name]))
        elif target.name in others:
            failed.append(HostResult.of_error(target.name, others[target.name]))
        elif result.problems:
            wrong = [problem for found in result.problems.values() for problem in found]
            failed.append(HostResult.of_error(target.name, refusal(target.name, wrong)))
        else:
            found = inspection.advised(result, everywhere=everywhere, now=operator.now)
            told += found
            if error := inspection.refusal(target.name, found):
                failed.append(HostResult.of_error(target.name, error))
            else:
                hosts.append(result)
    return Preview(
        hosts=tuple(sorted(hosts, key=lambda one: one.target.name)),
        failed=tuple(sorted(failed, key=lambda one: one.host)),
        names=tuple(target.name for target in targets if target.name in looked_at),
        late=tuple(sorted(late)),
        findings=tuple(told),
    )


def _foresee(host: Surveyed, operator: Operator) -> None:
    """Have the keys opened that an apply will need, while others are looked at."""
    if host.decision.due:
        operator.foresee(SERVER.authority)
    if operator.identity is None or host.credentials.due:
        operator.foresee(CLIENT.authority)


def _drift(host: Surveyed, operator: Operator) -> StepFailed | None:
    """Refuse to replace what somebody has edited on a host, unless that is wanted."""
    edited = host.found.edited
    if operator.overwrites_drift or not edited:
        return None
    more = f" and {len(edited) - _SHOWN} more" if len(edited) > _SHOWN else ""
    return StepFailed(
        host.target.name,
        Step.OBSERVE,
        f"edited on the host: {', '.join(edited[:_SHOWN])}{more}",
        hint="deployer plan -D shows how; --overwrite-drift replaces it",
    )
