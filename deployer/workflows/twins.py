"""Two names for one machine: each release would undo the other's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

from deployer.errors import StepFailed
from deployer.observation import Observation
from deployer.platforms import Platform
from deployer.result import Step
from deployer.workflows.survey import Target


class LookedAt(Protocol):
    """A host that was looked at, whatever for."""

    @property
    def target(self) -> Target: ...  # noqa: D102 - as the fields of `Surveyed`
    @property
    def found(self) -> Observation: ...  # noqa: D102
    @property
    def platform(self) -> Platform: ...  # noqa: D102


def twins(hosts: Iterable[LookedAt]) -> Mapping[str, StepFailed]:
    """
    Find hosts that would bring different releases to the same place, and say so for each.

    Two Apaches on one machine, each with a directory of its own, are not the same place.
    """
    places: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for host in hosts:
        if host.found.machine:
            places[host.found.machine, host.platform.layout.root].append(host.target.name)
    return {
        name: _error(name, [other for other in names if other != name])
        for names in places.values()
        if len(names) > 1
        for name in names
    }


def _error(name: str, others: list[str]) -> StepFailed:
    return StepFailed(
        name,
        Step.OBSERVE,
        f"it is the same machine as {', '.join(others)}: the release of one would undo the other's",
        hint="keep one of these names in the inventory, with the sites of all",
    )
