"""
Drafts: what readers of inventory files write into, whatever the format.

Sources may name the same group or host many times, forwards and backwards. A draft collects
it all, then says how the groups hang together.
"""

import graphlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from deployer.inventory.model import ALL, UNGROUPED, Group
from deployer.inventory.place import InventoryError, Located, Place, Problem
from deployer.inventory.ranges import EmptyRange, check_name, expand
from deployer.inventory.vault import Vault

DEEPEST_GROUP = 100
_PRIORITY = "ansible_group_priority"


@dataclass(slots=True)
class DraftGroup:
    """A group as far as it has been read."""

    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Place] = field(default_factory=dict)
    variables: dict[str, Located] = field(default_factory=dict)


@dataclass(slots=True)
class DraftHost:
    """A host as far as it has been read."""

    file: str
    variables: dict[str, Located] = field(default_factory=dict)


class Draft:
    """Everything that the sources said so far, and what is wrong with it."""

    def __init__(self, vault: Vault | None = None, *, lenient: bool = False) -> None:
        """`lenient`: what Ansible passes over is passed over, and kept in `losses`."""
        self.vault = vault or Vault()
        self.lenient = lenient
        self.losses: list[Problem] = []
        self.groups = {ALL: DraftGroup(), UNGROUPED: DraftGroup()}
        self.groups[ALL].children[UNGROUPED] = Place("", 0)
        self.hosts: dict[str, DraftHost] = {}
        self.problems: list[Problem] = []

    def problem(self, place: Place, text: str) -> None:
        """Note something wrong and go on reading."""
        self.problems.append(Problem(place, text))

    def loss(self, place: Place, text: str) -> bool:
        """Note what Ansible loses without an error; say whether to do as it does."""
        (self.losses if self.lenient else self.problems).append(Problem(place, text))
        return self.lenient

    def copy(self) -> Self:
        """Make another that can be written into without any effect on this one."""
        other = type(self)(self.vault, lenient=self.lenient)
        other.groups = {
            name: DraftGroup(dict(group.hosts), dict(group.children), dict(group.variables))
            for name, group in self.groups.items()
        }
        other.hosts = {
            name: DraftHost(host.file, dict(host.variables)) for name, host in self.hosts.items()
        }
        other.problems, other.losses = list(self.problems), list(self.losses)
        return other

    def add_group(self, name: str, place: Place) -> DraftGroup | None:
        """Find a group or start one; None when its name cannot be one."""
        if name in self.groups:
            return self.groups[name]
        try:
            check_name(name, "group")
        except ValueError as error:
            self.problem(place, str(error))
            return None
        if ":" in name:
            self.problem(place, f"{name!r} cannot name a group: a colon separates patterns")
            return None
        return self.groups.setdefault(name, DraftGroup())

    def add_child(self, parent: str, child: str, place: Place) -> None:
        """Put a group into another."""
        self.groups[parent].children.setdefault(child, place)

    def add_hosts(self, group: str, pattern: str, place: Place) -> tuple[str, ...]:
        """Add the hosts that a name with ranges and a port stands for."""
        try:
            names, port = expand(pattern)
        except EmptyRange as error:
            self.loss(place, str(error))
            return ()
        except ValueError as error:
            self.problem(place, str(error))
            return ()
        for name in names:
            host = self._host(group, name, place)
            if port is not None:
                host.variables["ansible_port"] = Located(port, place)
        return names

    def add_host(self, group: str, name: str, place: Place) -> None:
        """Add one host by its name and nothing else."""
        try:
            check_name(name, "host")
        except ValueError as error:
            self.problem(place, str(error))
            return
        self._host(group, name, place)

    def _host(self, group: str, name: str, place: Place) -> DraftHost:
        self.groups[group].hosts[name] = None
        return self.hosts.setdefault(name, DraftHost(place.file))

    def finish(self) -> dict[str, Group]:
        """Decide the tree of groups; raises everything that was wrong so far."""
        if self.problems:
            raise InventoryError(self.problems)
        self._adopt_orphans()
        order = self._from_the_top()
        self._leave_ungrouped()
        depths = {ALL: 0}
        for name in order:
            for child in self.groups[name].children:
                depths[child] = max(depths.get(child, 0), depths[name] + 1)
        self._check_depths(depths)
        groups = {
            name: Group(
                name=name,
                hosts=tuple(group.hosts),
                children=tuple(group.children),
                members=self._members(name),
                variables={key: at for key, at in group.variables.items() if key != _PRIORITY},
                depth=depths[name],
                priority=self._priority(group.variables),
            )
            for name, group in self.groups.items()
        }
        if self.problems:
            raise InventoryError(self.problems)
        return groups

    def _adopt_orphans(self) -> None:
        children = {child for group in self.groups.values() for child in group.children}
        for name in self.groups:
            if name not in children and name != ALL:
                self.add_child(ALL, name, Place("", 0))

    def _from_the_top(self) -> tuple[str, ...]:
        parents: dict[str, list[str]] = {name: [] for name in self.groups}
        for name, group in self.groups.items():
            for child in group.children:
                parents[child].append(name)
        try:
            return tuple(graphlib.TopologicalSorter(parents).static_order())
        except graphlib.CycleError as error:
            ring = list(error.args[1])
            links = [self.groups[one].children[next_] for one, next_ in itertools.pairwise(ring)]
            place = min(link for link in links if link.file)  # `all` holds orphans without a line
            text = f"a group contains itself: {' -> '.join(ring)}"
            raise InventoryError([Problem(place, text)]) from error

    def _check_depths(self, depths: Mapping[str, int]) -> None:
        """Refuse what nobody means, and what a stack of frames could not walk down."""
        for name, group in self.groups.items():
            for child, place in group.children.items():
                if depths[child] == DEEPEST_GROUP + 1 and depths[name] == DEEPEST_GROUP:
                    text = f"{child} is more than {DEEPEST_GROUP} groups deep"
                    raise InventoryError([Problem(place, text)])

    def _leave_ungrouped(self) -> None:
        """Keep in `ungrouped` the hosts that are in no other group but `all`."""
        grouped: set[str] = set()
        for name, group in self.groups.items():
            if name not in {ALL, UNGROUPED}:
                grouped.update(group.hosts)
        ungrouped = self.groups[UNGROUPED]
        known = {**ungrouped.hosts, **self.groups[ALL].hosts}
        ungrouped.hosts = {name: None for name in known if name not in grouped}

    def _members(self, name: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        level, seen = [name], {name}
        while level:
            below: list[str] = []
            for one in level:
                found.update(self.groups[one].hosts)
                below += [child for child in self.groups[one].children if child not in seen]
                seen.update(below)
            level = below
        return tuple(found)

    def _priority(self, variables: Mapping[str, Located]) -> int:
        located = variables.get(_PRIORITY)
        if located is None:
            return 1
        text = str(located.value).strip()
        if isinstance(located.value, bool) or not text.isdecimal() or len(text) > 9:  # noqa: PLR2004
            self.problem(located.place, f"{_PRIORITY} is not a whole number")
            return 1
        return int(text)


def weakest_first(groups: Iterable[Group]) -> list[Group]:
    """Sort groups by who wins: a child over its parents, then priority, then the alphabet."""
    return sorted(groups, key=lambda group: (group.depth, group.priority, group.name))
