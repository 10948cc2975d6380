"""
Names that lead to another host: an address has moved, and the key that is found there is known.

A machine without a release of ours may have been built anew, and gets what it lacks. One that has
what another name got last is that other host, whatever led there.
"""

from collections.abc import Iterable, Mapping

from deployer.errors import StepFailed
from deployer.result import Step
from deployer.store.deployments import Deployments
from deployer.workflows.survey import Surveyed


def strays(hosts: Iterable[Surveyed], deployments: Deployments) -> Mapping[str, StepFailed]:
    """Find hosts whose live release is on record for other names alone, and say so for each."""
    owners = deployments.owners()
    found = {}
    for host in hosts:
        # A second copy of a release has a suffix.
        live, _, _ = host.found.current.partition(".")
        names = owners.get(live, frozenset())
        # Without keys of their own several hosts may have one release.
        if names and host.target.name not in names and live != host.plan.release.id:
            found[host.target.name] = _error(host.target.name, sorted(names))
    return found


def _error(name: str, others: list[str]) -> StepFailed:
    return StepFailed(
        name,
        Step.OBSERVE,
        f"this is the machine of {', '.join(others)}: that release is live here",
        hint=f"see where {name} leads; if it is to be {name} from now on, "
        f"deployer apply {name} --overwrite-drift",
    )
