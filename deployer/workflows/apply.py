"""
Apply: survey, show, ask, issue what is due, deploy each host.

The order keeps harm away: nothing is issued before every host was seen and the operator agreed,
and nothing is switched before it was issued, recorded, checked and rehearsed.
"""

import getpass
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from deployer import __version__
from deployer.apache.compile import Leaf, compile_release
from deployer.apache.rendering import Templates
from deployer.errors import DeployerError
from deployer.fleet.executor import in_parallel
from deployer.host.verbs import Switch
from deployer.pki.profiles import CLIENT, SERVER
from deployer.probe.handshake import Identity
from deployer.probe.verdict import Clients
from deployer.result import HostResult, Listener, Outcome, Step
from deployer.store.state import Store
from deployer.workflows.clients import a_certified_client, knockers
from deployer.workflows.deploy import Deployment, deploy, expectations, narrated
from deployer.workflows.leaves import issue
from deployer.workflows.survey import Survey, Surveyed, Target
from deployer.workflows.trust import Unlock, check, crls_due, trust_of

THE_CONTROLLER = "controller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an apply is about to do."""

    hosts: tuple[Surveyed, ...]
    """Every host that was reached, sorted by name, changes or not."""
    failed: tuple[HostResult, ...]
    """Every host that could not be looked at, sorted by name."""

    @property
    def changing(self) -> tuple[Surveyed, ...]:
        """Return the hosts that differ from their release."""
        return tuple(host for host in self.hosts if host.plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who applies, and with what. Time was read once, here it is a value."""

    store: Store
    templates: Templates
    unlock: Unlock
    may_unlock: bool
    """Whether the passphrase is at hand without asking anybody."""
    identity: Identity | None = field(default=None, repr=False)
    """A client certificate of their own, to prove that certified clients are let in."""
    now: datetime
    forks: int
    confirm_timeout: int | None = None
    listen: Listener


def preview(survey: Survey, targets: Iterable[Target], operator: Operator) -> Preview:
    """Look at every host and compare it with its release. Changes nothing."""
    hosts: list[Surveyed] = []
    failed: list[HostResult] = []
    for target, result in survey.of(targets, forks=operator.forks, listen=operator.listen):
        if isinstance(result, DeployerError):
            failed.append(HostResult.of_error(target.name, result))
        else:
            hosts.append(result)
    return Preview(
        hosts=tuple(sorted(hosts, key=lambda one: one.target.name)),
        failed=tuple(sorted(failed, key=lambda one: one.host)),
    )


def carry_out(seen: Preview, operator: Operator) -> tuple[HostResult, ...]:
    """Do what a preview showed, and say how each host ended."""
    results = {result.host: result for result in seen.failed}
    for one in seen.hosts:
        results[one.target.name] = HostResult(
            host=one.target.name, outcome=Outcome.UNCHANGED, release=one.plan.release.id
        )
    if seen.changing:
        for result in _deploy_all(seen.changing, operator):
            results[result.host] = result
    return tuple(results[name] for name in sorted(results))


def _deploy_all(changing: Sequence[Surveyed], operator: Operator) -> list[HostResult]:
    issued, clients = _issue(changing, operator)
    results: list[HostResult] = []
    ready: list[Deployment] = []
    for one in changing:
        try:
            ready.append(_deployment(one, issued, clients, operator))
        except DeployerError as error:
            results.append(HostResult.of_error(one.target.name, error))
    for deployment, result in in_parallel(
        lambda one: deploy(one, operator.listen), ready, forks=operator.forks
    ):
        if isinstance(result, DeployerError):
            results.append(HostResult.of_error(deployment.host.name, result))
        else:
            results.append(result)
    return results


def _issue(
    changing: Sequence[Surveyed], operator: Operator
) -> tuple[Mapping[str, Mapping[str, Leaf]], Clients]:
    """Sign everything that this run needs, in one go, before the first host is touched."""
    store = operator.store
    due = [(one.target.spec, one.decision) for one in changing if one.decision.due]
    stale = crls_due(store, operator.now)
    with narrated(THE_CONTROLLER, Step.ISSUE, operator.listen) as say:
        for authority in stale:
            store.crls.publish(operator.unlock(authority), now=operator.now)
        leaves: Mapping[str, Mapping[str, Leaf]] = {}
        if due:
            leaves = issue(due, store, operator.unlock(SERVER.authority), operator.now)
        certified = operator.identity
        if certified is None and (due or stale or operator.may_unlock):
            signer = operator.unlock(CLIENT.authority)
            certified = a_certified_client(store, signer, operator.now)
        issued = sum(map(len, leaves.values()))
        say(f"{issued} certificate{'' if issued == 1 else 's'}")
    return leaves, knockers(certified, operator.now)


def _deployment(
    one: Surveyed,
    issued: Mapping[str, Mapping[str, Leaf]],
    clients: Clients,
    operator: Operator,
) -> Deployment:
    spec = one.target.spec
    leaves = {**one.decision.kept, **issued.get(spec.host, {})}
    trust = trust_of(spec, operator.store)
    with narrated(spec.host, Step.CHECK, operator.listen):
        check(spec, leaves, trust, one.clock)
    return Deployment(
        host=one.host,
        found=one.found,
        release=compile_release(spec, leaves, trust, operator.templates),
        expectations=expectations(spec, leaves),
        clients=clients,
        switch=Switch(
            token=secrets.token_hex(8),
            holder=f"{getpass.getuser()}@{socket.gethostname()} with deployer {__version__}",
            confirm_timeout=operator.confirm_timeout or spec.confirm_timeout,
        ),
    )
