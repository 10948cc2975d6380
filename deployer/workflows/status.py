"""Status: what hosts really serve, and for how long that is good."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from deployer.errors import DeployerError
from deployer.fleet.executor import in_parallel
from deployer.pki.authority import AuthorityState
from deployer.pki.crl import CRL
from deployer.pki.material import issuer_title, title
from deployer.pki.profiles import CLIENT
from deployer.pki.renewal import HALF, QUARTER, crls_end, due_at, ends_soon, lease
from deployer.probe.verdict import Knock
from deployer.release import File
from deployer.result import HostResult
from deployer.spec.vhost import VhostSpec
from deployer.store.state import Store
from deployer.workflows import backends
from deployer.workflows.clients import knockers
from deployer.workflows.knocking import KnockAt, expectations
from deployer.workflows.preview import Operator
from deployer.workflows.survey import Survey, Surveyed, Target
from deployer.workflows.trust import issuers, ladders, trust_of


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
    """Empty for a host that should serve no site at all."""
    serial: int | None
    """Of the certificate that is really served."""
    issuer: str
    """Who issued it; empty when none is served."""
    expires: datetime | None
    crls_until: datetime | None
    """When the last revocation list on the host ends, and every client is refused."""
    release: str
    health: Health
    remarks: tuple[str, ...]


def status_of(
    survey: Survey, targets: Iterable[Target], operator: Operator
) -> tuple[tuple[VhostStatus, ...], tuple[HostResult, ...]]:
    """Look at every host and shake hands with each of its sites. Changes nothing."""
    seen: dict[str, Surveyed] = {}
    found: list[VhostStatus] = []
    failed: list[HostResult] = []
    for target, result in survey.of(targets, forks=operator.forks, listen=operator.listen):
        if isinstance(result, DeployerError):
            failed.append(HostResult.of_error(target.name, result))
        else:
            seen[target.name] = result
    tasks = (_knocking(one, operator.now) for one in seen.values())
    for task, sites in in_parallel(
        operator.executor, tasks, forks=operator.forks, listen=operator.listen
    ):
        if isinstance(sites, DeployerError):
            failed.append(HostResult.of_error(task.host, sites))
        else:
            found += _of_host(seen[task.host], sites, operator.store, operator.now)
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


def _knocking(host: Surveyed, now: datetime) -> KnockAt:
    spec, leaves = host.target.spec, host.decision.kept
    wanted = expectations(spec, leaves, host.found, admits=host.admits)
    return KnockAt(where=host.where, wanted=wanted, clients=knockers(None, now), patience=0)


def _of_host(
    host: Surveyed, sites: Sequence[Sequence[Knock]], store: Store, now: datetime
) -> list[VhostStatus]:
    over = tuple(leaving(store, now))
    statuses = [
        _of_vhost(
            host,
            vhost,
            knocks,
            _Lists.on(host, vhost, store, now).beside(_Lists.behind(host, vhost, store, now)),
            now,
            leaving=over
            if vhost.client_auth.verify != "none" and vhost.slug in host.admits
            else (),
        )
        for vhost, knocks in zip(host.target.spec.vhosts, sites, strict=True)
    ]
    # Whatever is left of the sites that it once had must not go unseen.
    return statuses or [_of_vhost(host, None, (), _Lists(), now)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lists:
    """The revocation lists that a virtual host looks into: until when, and what is wrong."""

    until: datetime | None = None
    wrong: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def on(cls, host: Surveyed, vhost: VhostSpec, store: Store, now: datetime) -> "_Lists":
        """Judge what is on the host, which is what is on record if their digests agree."""
        path = f"crl/{vhost.slug}.pem"
        found = ladders(vhost, store, host.supplies, now=now)
        if host.found.digest(path) is None or not found:
            return cls()
        known = trust_of(host.target.spec, store, host.supplies, now=now)[vhost.slug].crls
        if not _is_on(host, path, known):
            return cls(warnings=("revocation lists on the host are not those on record",))
        if vhost.client_auth.revocation == "leaf":
            lowest = issuers(vhost, store, host.supplies, now=now)
            found = {ca: found[ca] for ca in lowest if ca in found}
        return cls._of(found, now, whom="client")

    @classmethod
    def behind(cls, host: Surveyed, vhost: VhostSpec, store: Store, now: datetime) -> "_Lists":
        """Judge those that it asks about its backends in the same way."""
        path = f"backend/{vhost.slug}/crl.pem"
        found = backends.ladders(vhost, store, host.supplies, now=now)
        if host.found.digest(path) is None or not found:
            return cls()
        shown = host.credentials.preview()
        known = backends.backends_of(host.target.spec, shown, store, host.supplies, now=now)
        if not _is_on(host, path, known[vhost.slug].crls):
            return cls(warnings=("revocation lists for backends are not those on record",))
        return cls._of(found, now, whom="backend")

    def beside(self, others: "_Lists") -> "_Lists":
        """Add what is wrong with others; the end that is told is that of the clients' lists."""
        return replace(
            self, wrong=self.wrong + others.wrong, warnings=self.warnings + others.warnings
        )

    @classmethod
    def _of(
        cls, found: Mapping[x509.Certificate, Sequence[CRL]], now: datetime, *, whom: str
    ) -> "_Lists":
        worst, lists = min(found.items(), key=lambda one: lease(one[1], now))
        left = lease(lists, now)
        until = min(map(crls_end, filter(_end, found.values())), default=None)
        if left > HALF:
            return cls(until=until)
        whose, end = f"revocation lists of {title(worst)}", f"{crls_end(lists):%Y-%m-%d}"
        if left == 0:
            return cls(until=until, wrong=(f"{whose} ended on {end}: every {whom} is refused",))
        text = f"{whose} are half over: on {end} every {whom} will be refused"
        if left <= QUARTER:
            return cls(until=until, wrong=(text.replace("half", "three quarters"),))
        return cls(until=until, warnings=(text,))


def _is_on(host: Surveyed, path: str, known: bytes | None) -> bool:
    """Say whether a file on the host is what the records would put there."""
    return known is not None and host.found.digest(path) == File.of(path, known).digest


def _end(lists: Sequence[CRL]) -> bool:
    """Say whether lists end at all: those of others need not."""
    return all(crl.next_update_utc is not None for crl in lists)


def _of_vhost(
    host: Surveyed,
    vhost: VhostSpec | None,
    knocks: Sequence[Knock],
    lists: _Lists,
    now: datetime,
    *,
    leaving: Sequence[str] = (),
) -> VhostStatus:
    answers = [knock.answer for knock in knocks if knock.answer is not None]
    served = next((answer.served for answer in answers if answer.served is not None), None)
    wrong = [*(knock.problem for knock in knocks if knock.problem), *lists.wrong]
    warnings = [*_of_release(host), *lists.warnings, *leaving]
    if vhost is not None and served is not None:
        warnings += _of_age(vhost, served, now)
    if vhost is not None:
        remarks = _of_identity(host, vhost, now)
        wrong += remarks[0]
        warnings += remarks[1]
    for problem in host.problems.get(vhost.slug, ()) if vhost else ():
        warnings.append(f"{problem.subject}: {problem.message}")
    if served is not None and served.not_valid_after_utc <= now:
        wrong += [f"certificate expired on {served.not_valid_after_utc:%Y-%m-%d}"]
    health = Health.CRITICAL if wrong else Health.WARNING if warnings else Health.OK
    return VhostStatus(
        host=host.target.name,
        server_name=vhost.server_name if vhost else "",
        serial=served.serial_number if served else None,
        issuer=issuer_title(served) if served else "",
        expires=served.not_valid_after_utc if served else None,
        crls_until=lists.until,
        release=host.found.current,
        health=health,
        remarks=(*wrong, *warnings),
    )


def leaving(store: Store, now: datetime) -> Iterator[str]:
    """Name the generations of the clients' authority that are over and not retired yet."""
    trusted = store.authorities.trusted(CLIENT.authority)
    for one in store.authorities.records():
        ca, certificate = one.authority, one.authority.certificate
        waits = one.state is not AuthorityState.ACTIVE and ca in trusted
        if waits and ends_soon(certificate, now):
            end = certificate.not_valid_after_utc
            verb = "ended" if end <= now else "ends"
            name = f"{ca.name} G{ca.generation}"
            command = f"deployer ca retire {ca.name} G{ca.generation}"
            yield f"the authority {name} {verb} on {end:%Y-%m-%d}: {command}"


def _of_age(vhost: VhostSpec, served: x509.Certificate, now: datetime) -> list[str]:
    """Say when a certificate should be replaced, and by whom."""
    if vhost.certificate.is_issued:
        return ["certificate due for renewal"] if now >= due_at(served) else []
    if not ends_soon(served, now):
        return []
    where = vhost.certificate.on_host or vhost.certificate.files
    file = where.certificate if where else ""
    on_host = "on the host" if vhost.certificate.on_host else "in the project"
    end = f"{served.not_valid_after_utc:%Y-%m-%d}"
    return [f"certificate ends on {end}: whoever keeps {file} {on_host} must renew it"]


def _of_identity(host: Surveyed, vhost: VhostSpec, now: datetime) -> tuple[list[str], list[str]]:
    """Say what is wrong with the identity that a site shows to its backends, and what will be."""
    there = host.credentials.there.get(vhost.slug)
    if there is not None and there.not_valid_after_utc <= now:
        end = f"{there.not_valid_after_utc:%Y-%m-%d}"
        return [f"the identity for backends expired on {end}: they refuse it"], []
    reason = host.credentials.due.get(vhost.slug)
    return [], [f"the identity for backends: {reason}"] if reason else []


LAST_SWITCH = {
    "rolled_back": "the last switch was rolled back",
    "needs_hands": "the last switch failed and so did its rollback",
}


def _of_release(host: Surveyed) -> list[str]:
    """Say how far a host is from its release, and why if its last switch failed."""
    if not host.plan:
        return []
    count = len(host.plan.changes)
    edited = host.found.edited
    drift = [f"edited on the host: {', '.join(edited)}"] if edited else []
    remarks = [*drift, f"differs from its release in {count} place{'' if count == 1 else 's'}"]
    # Outcome, token, new release, old one, time, and then the reason in words.
    words = host.found.last_outcome.split(" ", 5)
    if words[0] in LAST_SWITCH:
        reason = "".join(words[5:]).strip()
        remarks.append(f"{LAST_SWITCH[words[0]]}{f': {reason}' if reason else ''}")
    return remarks
