"""Status: what hosts really serve, and for how long that is good."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from deployer.errors import DeployerError
from deployer.pki.authority import Authority
from deployer.pki.renewal import crls_end, due_at
from deployer.probe.verdict import Knock
from deployer.result import HostResult
from deployer.spec.vhost import VhostSpec
from deployer.store.state import Store
from deployer.workflows.apply import Operator
from deployer.workflows.clients import knockers
from deployer.workflows.deploy import expectations, probe
from deployer.workflows.survey import Survey, Surveyed, Target


class Health(StrEnum):
    """How a virtual host is, from good to bad."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class VhostStatus:
    """One virtual host: what it serves, until when, and what is wrong."""

    host: str
    server_name: str
    serial: int | None
    """Of the certificate that is really served."""
    expires: datetime | None
    crls_until: datetime | None
    """When the last revocation list on record ends, and every client is refused."""
    release: str
    health: Health
    remarks: tuple[str, ...]


def status_of(
    survey: Survey, targets: Iterable[Target], operator: Operator
) -> tuple[tuple[VhostStatus, ...], tuple[HostResult, ...]]:
    """Look at every host and shake hands with each of its sites. Changes nothing."""
    found: list[VhostStatus] = []
    failed: list[HostResult] = []
    for target, result in survey.of(targets, forks=operator.forks, listen=operator.listen):
        if isinstance(result, DeployerError):
            failed.append(HostResult.of_error(target.name, result))
        else:
            found += _of_host(result, operator.store, operator.now)
    return (
        tuple(sorted(found, key=lambda one: (one.host, one.server_name))),
        tuple(sorted(failed, key=lambda one: one.host)),
    )


def exit_status(statuses: Iterable[VhostStatus], failed: Iterable[HostResult]) -> int:
    """Return 0, 8 for a warning or 9 for something critical."""
    healths = {status.health for status in statuses}
    if Health.CRITICAL in healths or tuple(failed):
        return 9
    return 8 if Health.WARNING in healths else 0


def _of_host(host: Surveyed, store: Store, now: datetime) -> list[VhostStatus]:
    statuses = []
    spec, clients = host.target.spec, knockers(None, now)
    for vhost, expected in zip(spec.vhosts, expectations(spec, host.decision.kept), strict=True):
        knocks = probe(host.host, (expected,), clients, timeout=0)
        until = _crls_until(vhost, store)
        statuses.append(_of_vhost(host, vhost, knocks, until, now))
    return statuses


def _of_vhost(
    host: Surveyed,
    vhost: VhostSpec,
    knocks: Sequence[Knock],
    until: datetime | None,
    now: datetime,
) -> VhostStatus:
    answers = [knock.answer for knock in knocks if knock.answer is not None]
    served = next((answer.served for answer in answers if answer.served is not None), None)
    wrong = [knock.problem for knock in knocks if knock.problem]
    warnings = []
    if host.plan:
        warnings.append(f"differs from its release in {len(host.plan.changes)} places")
    if served is not None and now >= due_at(served):
        warnings.append("certificate due for renewal")
    if until is not None and (until - now).days < CRL_WARNING_DAYS:
        warnings.append(f"revocation lists end on {until:%Y-%m-%d}")
    if served is not None and served.not_valid_after_utc <= now:
        wrong += [f"certificate expired on {served.not_valid_after_utc:%Y-%m-%d}"]
    health = Health.CRITICAL if wrong else Health.WARNING if warnings else Health.OK
    return VhostStatus(
        host=host.target.name,
        server_name=vhost.server_name,
        serial=served.serial_number if served else None,
        expires=served.not_valid_after_utc if served else None,
        crls_until=until,
        release=host.found.current,
        health=health,
        remarks=(*wrong, *warnings),
    )


CRL_WARNING_DAYS = 14


def _crls_until(vhost: VhostSpec, store: Store) -> datetime | None:
    auth = vhost.client_auth
    if auth.verify == "none" or auth.revocation == "none":
        return None
    ladders = [
        store.crls.current(authority)
        for name in auth.authorities
        for authority in _and_above(store.authorities.current(name), store)
    ]
    return min(crls_end(ladder) for ladder in ladders)


def _and_above(authority: Authority, store: Store) -> list[Authority]:
    return [one for one in store.authorities.list() if one.certificate in authority.bundle]
