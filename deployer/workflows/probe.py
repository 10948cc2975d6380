"""Probe: handshakes with every site, and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass

from deployer.errors import DeployerError
from deployer.fleet.executor import in_parallel
from deployer.pki.profiles import CLIENT
from deployer.probe.verdict import Knock
from deployer.result import HostResult
from deployer.result import exit_status as exit_status_of
from deployer.workflows.clients import a_certified_client, knockers
from deployer.workflows.knocking import KnockAt, expectations
from deployer.workflows.preview import Operator
from deployer.workflows.survey import Survey, Target

PATIENCE = 5.0
"""Seconds in which a site must answer as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """One host, and who got in where."""

    host: str
    knocks: tuple[Knock, ...]


def probe_all(
    survey: Survey, targets: Iterable[Target], operator: Operator
) -> tuple[tuple[Probed, ...], tuple[HostResult, ...]]:
    """Knock at every site of every host, with a certified client where one can be had."""
    certified = operator.identity
    if certified is None and operator.may_unlock:
        certified = a_certified_client(
            operator.store, operator.unlock(CLIENT.authority), operator.now
        )
    clients = knockers(certified, operator.now)
    tasks: list[KnockAt] = []
    found: list[Probed] = []
    failed: list[HostResult] = []
    for target, result in survey.of(targets, forks=operator.forks, listen=operator.listen):
        if isinstance(result, DeployerError):
            failed.append(HostResult.of_error(target.name, result))
        else:
            leaves = result.decision.kept
            wanted = expectations(target.spec, leaves, result.found, admits=result.admits)
            tasks.append(
                KnockAt(where=result.where, wanted=wanted, clients=clients, patience=PATIENCE)
            )
    for task, sites in in_parallel(
        operator.executor, tasks, forks=operator.forks, listen=operator.listen
    ):
        if isinstance(sites, DeployerError):
            failed.append(HostResult.of_error(task.host, sites))
        else:
            knocks = tuple(knock for site in sites for knock in site)
            found.append(Probed(host=task.host, knocks=knocks))
    return (
        tuple(sorted(found, key=lambda one: one.host)),
        tuple(sorted(failed, key=lambda one: one.host)),
    )


def exit_status(found: Iterable[Probed], failed: Iterable[HostResult]) -> int:
    """Return 2 when a site does not behave, or what the failures amount to."""
    wrong = any(knock.problem for probed in found for knock in probed.knocks)
    return exit_status_of(failed) or (2 if wrong else 0)
