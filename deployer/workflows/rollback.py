"""
Rollback: hosts go back to a release that they keep, by the same steps as they came to it.

Nothing is issued and nothing is sent, so no key of the CA is needed. What counts is whether the
whole configuration is good with that release, whatever it is without: an Apache that is dead, or
whose configuration somebody broke, is what this is for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from deployer.errors import DeployerError, Interrupted, StepFailed, Unreachable
from deployer.fleet.executor import in_parallel
from deployer.fleet.workplace import Workplace
from deployer.host import verbs
from deployer.host.script import Whereabouts
from deployer.kept import Kept
from deployer.observation import Observation
from deployer.plan import Change, Kind, Plan, plan
from deployer.platforms import Platform
from deployer.probe.verdict import Clients
from deployer.result import HostResult, Listener, Outcome, Step
from deployer.store.deployments import Deployed
from deployer.workflows.arrival import Arrival, fit
from deployer.workflows.claims import Claimant
from deployer.workflows.clients import knockers
from deployer.workflows.deploy import Deployment
from deployer.workflows.objections import objections, refusal
from deployer.workflows.observing import Observe
from deployer.workflows.preview import Operator
from deployer.workflows.rollout import Rollout
from deployer.workflows.survey import Target
from deployer.workflows.twins import twins
from deployer.workflows.way_back import release_of, way_back

UNPROVEN = "no certified client was tried: give --identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A host that was looked at, and the release that it would go back to."""

    target: Target
    found: Observation = field(repr=False)
    kept: Kept = field(repr=False)
    platform: Platform
    plan: Plan

    @property
    def where(self) -> Whereabouts:
        """The way to the host, and where its Apache lives."""
        return Whereabouts(connection=self.target.connection, layout=self.platform.layout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a rollback is about to do."""

    hosts: tuple[Reversal, ...]
    """Every host that can go back, or is there already, sorted by name."""
    failed: tuple[HostResult, ...]
    names: tuple[str, ...]
    """All of them, in the order of the inventory."""

    @property
    def changing(self) -> tuple[Reversal, ...]:
        """Return the hosts that are not on that release, or do not run."""
        return tuple(host for host in self.hosts if host.plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBack:
    """The task of looking at a host, and at what it keeps."""

    observe: Observe
    to: str
    """The beginning of a release's name; empty for the one that served before the live one."""

    @property
    def host(self) -> str:
        """The inventory's name of the host."""
        return self.observe.host

    def perform(self, place: Workplace, listen: Listener) -> tuple[Arrival, Kept]:
        """Look, in two round trips; raise as `Observe` does."""
        seen = self.observe.perform(place, listen)
        layout = seen.platform.layout
        where = Whereabouts(connection=self.observe.connection, layout=layout)
        try:
            return seen, verbs.kept(place.host(where), self.to)
        except Interrupted as error:
            # Nothing was begun here, so nothing is unknown.
            raise Unreachable(self.host, Step.OBSERVE, error.cause, hint=error.hint) from error


def outlook(
    targets: Sequence[Target],
    operator: Operator,
    *,
    to: str = "",
    claimant: Claimant | None = None,
    texts: bool = False,
    forced: bool = False,
) -> Outlook:
    """
    Look at hosts, and at what they keep. Changes nothing.

    `to` is the beginning of a release's name; without it, each host goes to the one that served
    before the live one. `forced`: whatever speaks against that.
    """
    by_name = {target.name: target for target in targets}
    tasks = (
        LookBack(
            observe=Observe(
                connection=target.connection,
                layout=target.spec.layout,
                texts=texts,
                claimant=claimant,
            ),
            to=to,
        )
        for target in targets
    )
    hosts: list[Reversal] = []
    failed: list[HostResult] = []
    for task, result in in_parallel(
        operator.executor, tasks, forks=operator.forks, listen=operator.listen
    ):
        try:
            if isinstance(result, DeployerError):
                raise result
            seen, kept = result
            target = by_name[task.host]
            hosts.append(_reversal(target, seen, kept, operator, to=to, forced=forced))
        except DeployerError as error:
            failed.append(HostResult.of_error(task.host, error))
    doubles = twins(hosts)
    failed += [HostResult.of_error(name, error) for name, error in doubles.items()]
    hosts = [one for one in hosts if one.target.name not in doubles]
    return Outlook(
        hosts=tuple(sorted(hosts, key=lambda one: one.target.name)),
        failed=tuple(sorted(failed, key=lambda one: one.host)),
        names=tuple(target.name for target in targets),
    )


def _reversal(
    target: Target, seen: Arrival, kept: Kept, operator: Operator, *, to: str, forced: bool
) -> Reversal:
    found = seen.found
    fit(seen, target.connection, must_run=False)
    chosen(target.name, kept, found.current, to)
    wanted = _plan(target.name, kept, found)
    if wanted and not forced:
        clock = datetime.fromtimestamp(found.clock, UTC)
        if problems := objections(target.name, kept, operator.store, clock):
            raise refusal(target.name, kept.name, problems)
    return Reversal(target=target, found=found, kept=kept, platform=seen.platform, plan=wanted)


def chosen(host: str, kept: Kept, live: str, to: str) -> None:
    """Raise `StepFailed` unless a host keeps the one release that was meant."""
    if kept.name:
        return
    if not kept.names:
        raise StepFailed(
            host, Step.OBSERVE, "no release of ours is here", hint="deployer apply brings one"
        )
    listed = ", ".join(f"{name} (live)" if name == live else name for name in kept.names)
    if not to:
        gone = f": {kept.before} is not here any more" if kept.before else ""
        raise StepFailed(
            host,
            Step.OBSERVE,
            f"there is no release before the live one{gone}",
            hint=f"kept, newest first: {listed}; name one with --to",
        )
    several = kept.beginning(to)
    if several:
        raise StepFailed(
            host,
            Step.OBSERVE,
            f"{len(several)} releases begin with {to}: {', '.join(several)}",
            hint="give more of its digits",
        )
    raise StepFailed(
        host,
        Step.OBSERVE,
        f"no release that is kept here begins with {to}",
        hint=f"kept, newest first: {listed}",
    )


def _plan(host: str, kept: Kept, found: Observation) -> Plan:
    release = release_of(host, kept)
    wanted = plan(release, found)
    if found.apache_pid is not None:
        return wanted
    start = Change(kind=Kind.UPDATE, subject="Apache", reason="it does not run, and is started")
    return replace(wanted, changes=(*wanted.changes, start))


def carry_out(seen: Outlook, operator: Operator) -> Iterator[HostResult]:
    """Do what was shown, and yield how each host ended, as it ends."""
    yield from seen.failed
    for one in seen.hosts:
        if not one.plan:
            yield HostResult(
                host=one.target.name,
                outcome=Outcome.UNCHANGED,
                release=one.plan.release.id,
                unrecorded=_recorded(one, operator),
            )
    changing = {one.target.name: one for one in seen.changing}
    if not changing:
        return
    with operator.stopping() as stop:
        rollout = Rollout(
            operator.strategy,
            operator.executor,
            failed={one.host for one in seen.failed},
            forks=operator.forks,
            listen=operator.listen,
            stop=stop,
            halted=operator.halted,
        )
        clients = knockers(operator.identity, operator.now)
        ways = [_deployment(one, clients, operator) for one in changing.values()]
        for way, result in rollout.over(ways, seen.names):
            if result.outcome is Outcome.CHANGED:
                noted = _recorded(changing[way.name], operator)
                yield replace(result, unrecorded=noted, unproven=_unproven(way))
            else:
                yield result


def _deployment(one: Reversal, clients: Clients, operator: Operator) -> Deployment:
    timeout = operator.confirm_timeout or one.target.spec.confirm_timeout
    return way_back(
        one.where,
        one.found,
        one.kept,
        clients=clients,
        switch=operator.claimant.switch(one.found, confirm_timeout=timeout),
    )


def _unproven(way: Deployment) -> str:
    asks = any(one.verify != "none" for one in way.expectations)
    return UNPROVEN if asks and way.clients.certified is None else ""


def _recorded(one: Reversal, operator: Operator) -> str:
    """
    Note the release that a host has, and say why not where that cannot be.

    While its configuration was broken, the host could not say what it was resolved for: what is on
    record is nearer to the truth then.
    """
    deployments = operator.store.deployments
    try:
        last = deployments.last(one.target.name) if one.found.existing is None else None
        platform = last.platform if last else one.platform
        deployments.record(
            [Deployed.of(one.target.name, one.plan.release, platform, at=operator.now)]
        )
    except DeployerError as error:
        return error.message
    return ""
