"""
Inventories: hosts in groups, with the variables of each host decided.

The words are Ansible's. Nothing changes after an inventory is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.errors import UsageError, nearest
from deployer.inventory.place import Located, Problem
from deployer.inventory.templating import Variables

ALL = "all"
UNGROUPED = "ungrouped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named set of hosts and of other groups."""

    name: str
    hosts: tuple[str, ...]
    """Its own, not those of its children."""
    children: tuple[str, ...]
    members: tuple[str, ...] = field(repr=False)
    """Its own hosts, then those of its children, level by level."""
    variables: Mapping[str, Located] = field(repr=False)
    """What the inventory says of it, and in the end its `group_vars` as well."""
    depth: int
    """The longest way down from `all`: deeper groups win."""
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One machine, under the name that the inventory gives it."""

    name: str
    groups: tuple[str, ...]
    """The groups that it is in, directly or not, sorted, without `all`."""
    variables: Variables = field(repr=False)
    own: Mapping[str, Located] = field(default_factory=dict, repr=False)
    """What is written of it by its own name, in the inventory and in `host_vars`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Every host and group that the sources name, in their order."""

    hosts: Mapping[str, Host]
    groups: Mapping[str, Group]
    lenient: bool = False
    """Whether a pattern may name what is not there, as in Ansible."""
    losses: tuple[Problem, ...] = ()
    """What was passed over."""

    def host(self, name: str) -> Host:
        """Find a host by its exact name."""
        if name not in self.hosts:
            raise UsageError(f"no host named {name!r}", hint=nearest(name, self.hosts))
        return self.hosts[name]

    def group(self, name: str) -> Group:
        """Find a group by its exact name."""
        if name not in self.groups:
            raise UsageError(f"no group named {name!r}", hint=nearest(name, self.groups))
        return self.groups[name]
