"""
Apply: survey, show, ask, issue what is due, deploy each host.

The order keeps harm away: nothing is issued before every host was seen and the operator agreed,
and nothing is switched before it was issued, recorded, checked and rehearsed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from deployer.apache.compile import compile_release
from deployer.apache.material import BackendIdentity, Leaf
from deployer.errors import DeployerError, PassphraseMissing
from deployer.pki.profiles import CLIENT, SERVER
from deployer.probe.verdict import Clients
from deployer.release import Release
from deployer.result import HostResult, Outcome, Step
from deployer.store.deployments import Deployed
from deployer.workflows import backends, credentials, leaves
from deployer.workflows.around import THE_CONTROLLER
from deployer.workflows.checks import check
from deployer.workflows.clients import a_certified_client, knockers
from deployer.workflows.deploy import Deployment, narrated
from deployer.workflows.gate import skipped
from deployer.workflows.knocking import expectations
from deployer.workflows.material import material_of
from deployer.workflows.preview import Operator, Preview
from deployer.workflows.recall import Recall
from deployer.workflows.rollout import Rollout
from deployer.workflows.survey import Surveyed
from deployer.workflows.trust import (
    crls_due,
    looked_into,
    unsigned,
)

UNPROVEN = "no certified client was tried: give --identity or the passphrase"


def carry_out_all(waves: Iterable[Preview], operator: Operator) -> Iterator[HostResult]:
    """Do what one preview after the other shows; what ends a run ends it for the next as well."""
    closed = ""
    first = True
    for seen in waves:
        ended = []
        for result in carry_out(seen, operator, closed=closed, first=first):
            ended.append(result)
            yield result
        closed = closed or closing(ended, {one.target.name for one in seen.changing})
        first = False
        if operator.halted():
            operator.executor.give_up()  # nothing begins on those that are late: nobody waits


def closing(ended: Sequence[HostResult], changing: Collection[str]) -> str:
    """
    Say why nothing begins on the hosts that were late, after these have ended so.

    `changing` had a release coming. A host that could not be looked at keeps nobody else back.
    """
    for one in ended:
        if one.outcome is Outcome.NEEDS_HANDS:
            return f"{one.host} needs hands"
    begun = [
        one.outcome for one in ended if one.host in changing and one.outcome is not Outcome.SKIPPED
    ]
    return "all hosts before it have failed" if begun and Outcome.CHANGED not in begun else ""


def carry_out(
    seen: Preview, operator: Operator, *, closed: str = "", first: bool = True
) -> Iterator[HostResult]:
    """
    Do what a preview showed, and yield how each host ended, as it ends.

    `closed` is why nothing may begin, if that is so. In the `first` preview of a run what keeps
    anything from being signed is raised, for no host has been touched; later it is how those hosts
    ended.

    Whoever wants it to stop while hosts are being switched is heeded: those in flight end, and the
    others are told of as skipped.
    """
    yield from seen.failed
    settled = [one for one in seen.hosts if not one.plan]
    unrecorded = _recorded([(one, one.plan.release) for one in settled], operator)
    for one in settled:
        yield HostResult(
            host=one.target.name,
            outcome=Outcome.UNCHANGED,
            release=one.plan.release.id,
            unrecorded=unrecorded,
        )
    if seen.changing:
        yield from _deploy_all(seen, operator, closed, first=first)


def _deploy_all(
    preview: Preview, operator: Operator, closed: str, *, first: bool
) -> Iterator[HostResult]:
    changing = preview.changing
    failed = {one.host for one in preview.failed}
    if reason := closed or operator.strategy.before_all(failed) or operator.halted():
        yield from (skipped(host.target.name, reason) for host in changing)
        return  # nothing is signed that comes to nobody
    try:
        signed, clients = _issue(changing, operator, first=first)
    except DeployerError as error:
        if first:
            raise
        yield from (HostResult.of_error(host.target.name, error) for host in changing)
        return
    seen = {one.target.name: one for one in changing}
    ready: list[Deployment] = []
    for host in changing:
        try:
            ready.append(_deployment(host, signed, clients, operator))
        except DeployerError as error:
            failed.add(host.target.name)
            yield HostResult.of_error(host.target.name, error)

    with operator.stopping() as stop:
        rollout = Rollout(
            operator.strategy,
            operator.executor,
            failed=failed,
            forks=operator.forks,
            listen=operator.listen,
            stop=stop,
            halted=operator.halted,
            recall=Recall(
                operator.strategy.rollback_scope,
                operator.claimant,
                forks=operator.forks,
                listen=operator.listen,
                stop=stop,
            ),
            around=operator.around,
        )
        for one, result in rollout.over(ready, preview.names):
            if operator.strategy.rollback_scope == "host":
                operator.hang_up(one.name)
            if one.kept and result.outcome is Outcome.ROLLED_BACK:
                noted = _recorded([(seen[one.name], one.release)], operator)
                yield replace(result, unrecorded=noted)
            elif result.outcome is Outcome.CHANGED and not result.unproven:
                noted = _recorded([(seen[one.name], one.release)], operator)
                yield replace(result, unrecorded=noted, unproven=_unproven(one))
            else:
                yield result


def _recorded(live: Sequence[tuple[Surveyed, Release]], operator: Operator) -> str:
    """
    Note the releases that hosts have, and say why not where that cannot be.

    A host has what it has, whether or not there is room in the books: the next apply notes it.
    """
    try:
        operator.store.deployments.record(
            Deployed.of(one.target.name, release, one.platform, at=operator.now)
            for one, release in live
        )
    except DeployerError as error:
        return error.message
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """What was signed for this run, or why nothing could be."""

    leaves: Mapping[str, Mapping[str, Leaf]] = field(default_factory=dict)
    identities: Mapping[str, Mapping[str, BackendIdentity]] = field(default_factory=dict)
    refusal: PassphraseMissing | None = None


def _issue(
    changing: Sequence[Surveyed], operator: Operator, *, first: bool
) -> tuple[_Signed, Clients]:
    """
    Sign everything that this run needs, in one go, before the first host is touched.

    With nobody to ask for the passphrase, the hosts that need nothing signed can still go on.
    """
    certified = operator.identity
    try:
        with narrated(THE_CONTROLLER, Step.ISSUE, operator.listen) as say:
            signed = _sign(changing, operator)
            if certified is None and (operator.may_unlock or any(map(_needs_signing, changing))):
                signer = operator.unlock(CLIENT.authority)
                certified = a_certified_client(operator.store, signer, operator.now)
            made = (*signed.leaves.values(), *signed.identities.values())
            issued = sum(map(len, made))
            say(f"{issued} certificate{'' if issued == 1 else 's'}")
    except PassphraseMissing as refusal:
        if first and all(map(_needs_signing, changing)):
            raise
        return _Signed(refusal=refusal), knockers(certified, operator.now)
    return signed, knockers(certified, operator.now)


def _sign(changing: Sequence[Surveyed], operator: Operator) -> _Signed:
    store = operator.store
    used = {
        authority.certificate
        for one in changing
        for vhost in one.target.spec.vhosts
        for authority in (
            *looked_into(vhost, store, one.supplies, now=operator.now),
            *backends.looked_into(vhost, store, one.supplies, now=operator.now),
        )
    }
    for authority in crls_due(store, operator.now, anew="crl" in operator.anew):
        if authority.certificate in used:
            store.crls.publish(
                operator.unlock(authority.name, authority.generation), now=operator.now
            )
    serving = [(one.target.spec, one.decision) for one in changing if one.decision.due]
    presenting = [(one.target.spec, one.credentials) for one in changing if one.credentials.due]
    # Every key is opened before the first is used.
    servers = operator.unlock(SERVER.authority) if serving else None
    clients = operator.unlock(CLIENT.authority) if presenting else None
    return _Signed(
        leaves=leaves.issue(serving, store, servers, operator.now) if servers else {},
        identities=credentials.issue(presenting, store, clients, operator.now) if clients else {},
    )


def _needs_signing(one: Surveyed) -> bool:
    return bool(one.decision.due or one.credentials.due or unsigned(one.plan.release))


def _unproven(deployment: Deployment) -> str:
    asks = any(one.verify != "none" for one in deployment.expectations)
    return UNPROVEN if asks and deployment.clients.certified is None else ""


def _deployment(one: Surveyed, signed: _Signed, clients: Clients, operator: Operator) -> Deployment:
    if signed.refusal is not None and _needs_signing(one):
        raise signed.refusal
    spec = one.target.spec
    material = material_of(
        spec,
        {**one.decision.kept, **signed.leaves.get(spec.host, {})},
        {**one.credentials.kept, **signed.identities.get(spec.host, {})},
        operator.store,
        one.supplies,
        now=operator.now,
    )
    with narrated(spec.host, Step.CHECK, operator.listen):
        check(spec, material, one.clock)
    return Deployment(
        where=one.where,
        found=one.found,
        release=compile_release(spec, one.platform, material, operator.templates).sharing(
            one.plan.release
        ),
        expectations=expectations(spec, material.leaves, one.found, admits=one.admits),
        clients=clients,
        switch=operator.claimant.switch(
            one.found, confirm_timeout=operator.confirm_timeout or spec.confirm_timeout
        ),
    )
