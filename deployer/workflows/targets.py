"""Targets: the hosts of a pattern, each with the way there and what it should serve."""

from collections.abc import Sequence
from pathlib import Path

from deployer.inventory.loading import load_inventory
from deployer.inventory.model import Host, Inventory
from deployer.inventory.patterns import select
from deployer.inventory.place import Problem
from deployer.sources import read_sources
from deployer.spec.connection import Connection, Defaults, connection
from deployer.spec.problems import SpecError
from deployer.spec.server import ServerSpec, server_specs
from deployer.workflows.project import Project
from deployer.workflows.survey import Target


def read_inventory(project: Project, extra: Sequence[str] = ()) -> Inventory:
    """Read the inventory of a project, with its variable files and those of `-e`."""
    paths = [Path(one) for one in project.inventory]
    return load_inventory(read_sources(paths, project=project.root, extra=extra))


def chosen(inventory: Inventory, pattern: str, limit: str | None) -> tuple[Host, ...]:
    """Select hosts; a pattern that matches nothing is an error."""
    return select(inventory, pattern, limit)


def specs(hosts: Sequence[Host]) -> tuple[ServerSpec, ...]:
    """
    Read what these hosts should serve, with every mistake in every host at once.

    A host without virtual hosts is none of ours and is left out.
    """
    return tuple(spec for spec in server_specs(hosts) if spec.vhosts)


def targets(hosts: Sequence[Host], defaults: Defaults) -> tuple[Target, ...]:
    """Read the specs of hosts and the ways to them."""
    by_name = {host.name: host for host in hosts}
    wanted = specs(hosts)
    ways = _connections([by_name[spec.host] for spec in wanted], defaults)
    return tuple(Target(connection=way, spec=spec) for way, spec in zip(ways, wanted, strict=True))


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
