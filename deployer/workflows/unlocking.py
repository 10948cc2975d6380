"""Unlocking: leases on hosts, shown, and taken from runs that will not come back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deployer.errors import DeployerError
from deployer.fleet.executor import Executor, in_parallel
from deployer.host.script import Whereabouts
from deployer.result import HostResult, Listener
from deployer.workflows.leases import Break
from deployer.workflows.survey import Survey, Surveyed, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A host that a run holds."""

    where: Whereabouts
    token: str
    holder: str
    silent: int
    """Seconds since that run was last heard of."""
    in_flight: bool
    """Whether a switch awaits its confirmation: that ends by itself, and is not for breaking."""

    @property
    def name(self) -> str:
        """The inventory's name of the host."""
        return self.where.name


def held(
    survey: Survey, targets: Iterable[Target], *, forks: int, listen: Listener
) -> tuple[tuple[Held, ...], tuple[HostResult, ...]]:
    """Look who holds hosts: those that are held, and those that could not be asked, by name."""
    found: list[Held] = []
    failed: list[HostResult] = []
    for target, one in survey.of(targets, forks=forks, listen=listen):
        if isinstance(one, Surveyed):
            found.extend(_held(one))
        else:
            failed.append(HostResult.of_error(target.name, one))
    return (
        tuple(sorted(found, key=lambda one: one.name)),
        tuple(sorted(failed, key=lambda one: one.host)),
    )


def _held(one: Surveyed) -> Iterator[Held]:
    lease = one.found.lease
    if lease is not None:
        yield Held(
            where=one.where,
            token=lease.token,
            holder=lease.holder,
            silent=max(0, one.found.clock - lease.heartbeat),
            in_flight=one.found.pending is not None,
        )


def broken(
    executor: Executor, leases: Iterable[Held], *, forks: int, listen: Listener
) -> Iterator[tuple[Held, DeployerError | None]]:
    """Break leases; yield each with what was wrong, as they end."""
    by_name = {one.name: one for one in leases}
    tasks = (Break(where=one.where, token=one.token) for one in by_name.values())
    for task, error in in_parallel(executor, tasks, forks=forks, listen=listen):
        yield by_name[task.host], error
