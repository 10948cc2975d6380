"""
Inspection: what is known of hosts, gathered for advice.

Offline it is what somebody wrote, and the files that are written of; after a survey the host
itself has spoken as well.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from deployer.advice.catalogue import findings
from deployer.advice.context import Brought, Context, Seen
from deployer.advice.finding import Finding, Severity
from deployer.errors import DeployerError, StepFailed
from deployer.inventory.model import Host
from deployer.pki.material import Problem
from deployer.platforms import version_of
from deployer.result import Step
from deployer.spec.server import ServerSpec
from deployer.spec.supplied import ClientAuthority
from deployer.spec.vhost import VhostSpec
from deployer.store.state import Store
from deployer.workflows.checks import supplied_problems
from deployer.workflows.supplies import Supplies, SupplyReader
from deployer.workflows.survey import Surveyed
from deployer.workflows.targets import specs
from deployer.workflows.trust import NoList, trust_of

Everywhere = Mapping[str, tuple[tuple[str, VhostSpec], ...]]
"""Sites with their hosts, by the name that they answer to."""

_ENOUGH = 2


def inspect(
    hosts: Sequence[Host], store: Store | None, *, root: Path, now: datetime
) -> tuple[Finding, ...]:
    """
    Say what there is to say about hosts before anybody has looked at them.

    `root` is the project's directory. Without a store nothing is said about our own authorities.
    """
    wanted = specs(hosts)
    everywhere = sites_of(wanted)
    listed = _listed(store)
    reader = SupplyReader(root)
    return tuple(
        finding
        for spec in wanted
        for finding in findings(
            _offline(spec, store, reader, everywhere=everywhere, listed=listed, now=now)
        )
    )


def advised(one: Surveyed, *, everywhere: Everywhere, now: datetime) -> tuple[Finding, ...]:
    """Say what there is to say about a host that was looked at."""
    found, layout, supplies = one.found, one.platform.layout, one.supplies
    return findings(
        Context(
            spec=one.target.spec,
            now=now,
            seen=Seen(
                apache=version_of(found.apache_version),
                openssl=version_of(found.openssl_version),
                addresses=frozenset(found.addresses),
                root=layout.root,
                vhost_dir=layout.vhost_dir,
                placeholder=layout.placeholder,
                existing=found.existing,
            ),
            brought=_brought(supplies),
            passwords=_passwords(supplies),
            # Without its lists no release was compiled, and the host is not here.
            listed=frozenset(
                ca for foreign in supplies.authorities.values() for ca in foreign.certificates
            ),
            elsewhere=everywhere,
        )
    )


def sites_of(wanted: Iterable[ServerSpec]) -> Everywhere:
    """
    Collect the sites of a run by their names, as far as they judge clients differently.

    Of sites that are alike the first on two hosts are enough to tell any host of one elsewhere: a
    name that a thousand hosts share is not compared a million times.
    """
    found: dict[str, list[tuple[str, VhostSpec]]] = {}
    alike: defaultdict[tuple[tuple[str, ...], int, str], set[str]] = defaultdict(set)
    for spec in wanted:
        for site in spec.vhosts:
            rules = site.model_dump_json(include={"client_auth", "paths"})
            hosts = alike[site.names, site.port, rules]
            if spec.host not in hosts and len(hosts) >= _ENOUGH:
                continue
            hosts.add(spec.host)
            for name in site.names:
                found.setdefault(name, []).append((spec.host, site))
    return {name: tuple(sites) for name, sites in found.items()}


def refusal(host: str, found: Iterable[Finding]) -> StepFailed | None:
    """Say why a host is left as it is, if there are errors among its findings."""
    errors = [one for one in found if one.severity is Severity.ERROR]
    if not errors:
        return None
    cause = "\n".join(f"{one.number}: {one.subject}: {one.message}" for one in errors)
    return StepFailed(
        host, Step.CHECK, cause, hint="; ".join(dict.fromkeys(one.fix for one in errors))
    )


def _offline(
    spec: ServerSpec,
    store: Store | None,
    reader: SupplyReader,
    *,
    everywhere: Everywhere,
    listed: frozenset[x509.Certificate],
    now: datetime,
) -> Context:
    supplies, problems = _supplied(spec, reader, now)
    if not problems:
        problems = tuple(_of_trust(spec, store, supplies, now))
    return Context(
        spec=spec,
        now=now,
        brought=_brought(supplies),
        listed=listed,
        passwords=_passwords(supplies),
        problems=problems,
        elsewhere=everywhere,
    )


def _supplied(
    spec: ServerSpec, reader: SupplyReader, now: datetime
) -> tuple[Supplies, tuple[Problem, ...]]:
    """Read the files of a host's sites, and everything that is wrong with them."""
    try:
        supplies = reader.read([spec])
    except DeployerError as error:
        lines = error.message.splitlines()
        return Supplies(), tuple(
            Problem(subject="files", message=line, hint=error.hint) for line in lines
        )
    found = supplied_problems(spec, supplies, None, now)
    return supplies, tuple(problem for wrong in found.values() for problem in wrong)


def _of_trust(
    spec: ServerSpec, store: Store | None, supplies: Supplies, now: datetime
) -> Iterator[Problem]:
    """Find what contradicts our own authorities: a depth that is too small, for one."""
    if store is None:
        return
    try:
        trust_of(spec, store, supplies, now=now)
    except NoList:
        return  # a rule says for which authority
    except DeployerError as error:
        what = error.message.removeprefix(f"{spec.host}: ")
        subject, _, message = what.partition(": ")
        yield Problem(subject=subject, message=message, hint=error.hint)


def _listed(store: Store | None) -> frozenset[x509.Certificate]:
    known = store.authorities.list() if store else ()
    return frozenset(ca.certificate for ca in known if store and store.crls.current(ca))


def _brought(supplies: Supplies) -> dict[ClientAuthority, Brought]:
    return {
        one: Brought(certificates=foreign.certificates, lists=foreign.lists)
        for one, foreign in supplies.authorities.items()
    }


def _passwords(supplies: Supplies) -> dict[str, str]:
    return {file: content.decode() for file, content in supplies.passwords.items()}
