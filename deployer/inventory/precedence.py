"""
Who wins when a variable is written in several places.

Ansible's order ("Understanding variable precedence"), weakest first: `all` in the inventory,
other groups in the inventory, `group_vars/all` beside the inventory and beside the project,
`group_vars` of other groups in both places, the host in the inventory, its `host_vars` in both
places, `-e`. A stronger layer replaces a variable whole: lists and mappings are not merged, so
one line in `host_vars` can always remove what a group added.
"""

from collections import ChainMap
from collections.abc import Mapping, Sequence

from deployer.inventory.draft import Draft, weakest_first
from deployer.inventory.extra import read_extra, read_variable_file
from deployer.inventory.model import ALL, Group
from deployer.inventory.place import Located
from deployer.inventory.sources import Sources, VariableFiles, files_of

Layer = dict[str, Located]


class Layers:
    """The layers of one inventory. Each file is read once, each set of groups merged once."""

    def __init__(self, sources: Sources, groups: Mapping[str, Group], draft: Draft) -> None:
        around = (*sources.beside_inventories, *sources.beside_project)
        self._host_files = [each.host_vars for each in around]
        self._groups = groups
        self._draft = draft
        self._inventory_files = [each.group_vars for each in sources.beside_inventories]
        self._project_files = [each.group_vars for each in sources.beside_project]
        self._read: dict[tuple[int, str], Layer] = {}
        self._merged: dict[frozenset[str], Layer] = {}
        self._extra: Layer = {}
        for source in sources.extra:
            self._extra.update(read_extra(source, draft))

    def of_host(self, own: Layer, groups: frozenset[str]) -> Mapping[str, Located]:
        """Merge everything that is written about one host: by itself, by its groups, by `-e`."""
        if self._extra:
            own = {**own, **self._extra}
        return ChainMap(own, self._of_groups(groups))

    def of_host_itself(self, name: str, inline: Layer) -> Layer:
        """Merge what the inventory says of a host with its `host_vars`."""
        return {**inline, **self._from_files(self._host_files, name)}

    def of_group_itself(self, group: Group) -> Layer:
        """Merge what the inventory says of a group with its `group_vars`."""
        files = self._from_files([*self._inventory_files, *self._project_files], group.name)
        return {**group.variables, **files}

    def _of_groups(self, names: frozenset[str]) -> Layer:
        if names not in self._merged:
            others = weakest_first(self._groups[name] for name in names - {ALL})
            merged: Layer = dict(self._groups[ALL].variables)
            for group in others:
                merged.update(group.variables)
            for each in (self._inventory_files, self._project_files):
                merged.update(self._from_files(each, ALL))
            for each in (self._inventory_files, self._project_files):
                for group in others:
                    merged.update(self._from_files(each, group.name))
            self._merged[names] = merged
        return self._merged[names]

    def _from_files(self, directories: Sequence[VariableFiles], name: str) -> Layer:
        found: Layer = {}
        for entries in directories:
            key = (id(entries), name)
            if key not in self._read:
                layer: Layer = {}
                for file in files_of(entries, name):
                    layer.update(read_variable_file(file, self._draft))
                self._read[key] = layer
            found.update(self._read[key])
        return found
