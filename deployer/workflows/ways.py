"""The ways to hosts, as the inventory and the command line describe them."""

from collections.abc import Sequence

from deployer.inventory.model import Host
from deployer.inventory.place import Problem
from deployer.spec.connection import Connection, Defaults, connection
from deployer.spec.problems import SpecError


def ways(hosts: Sequence[Host], defaults: Defaults) -> tuple[Connection, ...]:
    """Read how to reach hosts; raise `SpecError` with every mistake in every host at once."""
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
