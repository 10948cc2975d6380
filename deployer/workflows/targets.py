"""Targets: the hosts of a pattern, each with the way there and what it should serve."""

from collections.abc import Sequence

from deployer.inventory.model import Host
from deployer.spec.connection import Defaults
from deployer.spec.server import VHOSTS, ServerSpec, server_specs
from deployer.workflows.survey import Target
from deployer.workflows.ways import ways


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
    found = ways([by_name[spec.host] for spec in wanted], defaults)
    return tuple(Target(connection=way, spec=spec) for way, spec in zip(found, wanted, strict=True))


def names_of(found: Sequence[Target]) -> frozenset[str]:
    """Collect every name that sites answer to."""
    return frozenset(
        name for target in found for vhost in target.spec.vhosts for name in vhost.names
    )


def addresses_of(found: Sequence[Target]) -> frozenset[str]:
    """Collect the addresses at which sites listen and hosts are reached; some may be names."""
    listening = {vhost.ip for target in found for vhost in target.spec.vhosts if vhost.ip}
    return frozenset(listening | {target.connection.address for target in found})
