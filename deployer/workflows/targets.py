"""Targets: the hosts of a pattern, each with the way there and what it should serve."""

from collections.abc import Sequence

from deployer.inventory.model import Host
from deployer.inventory.place import Problem
from deployer.spec.connection import Connection, Defaults, connection
from deployer.spec.problems import SpecError
from deployer.spec.server import VHOSTS, ServerSpec, server_specs
from deployer.workflows.survey import Target


def specs(hosts: Sequence[Host]) -> tuple[ServerSpec, ...]:
    """
    Read what these hosts should serve, with every mistake in every host at once.

    A host that never speaks of virtual hosts is none of ours and is left out. One with an empty
    list had some, perhaps: whatever is left of them there has to go.
    """
    ours = [host for host in hosts if VHOSTS in host.variables]
    # The others are read all the same: what is wrong with them is worth knowing now.
    names = {host.name for host in ours}
    return tuple(spec for spec in server_specs(hosts) if spec.host in names)


def targets(hosts: Sequence[Host], defaults: Defaults) -> tuple[Target, ...]:
    """Read the specs of hosts and the ways to them."""
    by_name = {host.name: host for host in hosts}
    wanted = specs(hosts)
    ways = _connections([by_name[spec.host] for spec in wanted], defaults)
    return tuple(Target(connection=way, spec=spec) for way, spec in zip(ways, wanted, strict=True))


def names_of(found: Sequence[Target]) -> frozenset[str]:
    """Collect every name that sites answer to."""
    return frozenset(
        name for target in found for vhost in target.spec.vhosts for name in vhost.names
    )


def addresses_of(found: Sequence[Target]) -> frozenset[str]:
    """Collect the addresses at which sites listen and hosts are reached; some may be names."""
    listening = {vhost.ip for target in found for vhost in target.spec.vhosts if vhost.ip}
    return frozenset(listening | {target.connection.address for target in found})


def _connections(hosts: Sequence[Host], defaults: Defaults) -> tuple[Connection, ...]:
    found: list[Connection] = []
    problems: list[Problem] = []
    for host in hosts:
        try:
            found.append(connection(host, defaults))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return tuple(found)
