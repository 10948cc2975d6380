"""
Listings of an inventory, as `ansible-inventory` prints them.

Variables stand as they are written: a listing resolves no template.
"""

from collections.abc import Iterator, Mapping

from deployer.inventory.model import ALL, Group, Host, Inventory
from deployer.inventory.place import Located, Sealed, Unsafe

PROFILE = "inventory_legacy"
UNSAFE, VAULT = "__ansible_unsafe", "__ansible_vault"
PRIORITY = "ansible_group_priority"
USUAL_PRIORITY = 1


def listing(inventory: Inventory, *, export: bool = False) -> dict[str, object]:
    """List as `--list` does; with `export` groups have their variables, and hosts their own."""
    hostvars = {}
    for name, host in inventory.hosts.items():
        if told := host_variables(host, export=export):
            hostvars[name] = _marked(told)
    found: dict[str, object] = {"_meta": {"hostvars": hostvars, "profile": PROFILE}}
    for name, group in inventory.groups.items():
        entry: dict[str, object] = {}
        if group.children:
            entry["children"] = list(group.children)
        if group.hosts and name != ALL:
            entry["hosts"] = list(group.hosts)
        if export and (told := _group_variables(group)):
            entry["vars"] = _marked(told)
        if entry:
            found[name] = entry
    return found


def tree(inventory: Inventory, *, export: bool = False) -> dict[str, object]:
    """List as `--list --yaml` does: an inventory of its own, each group and host written once."""
    branch = _Tree(inventory, export=export).branch(inventory.groups[ALL])
    return {ALL: branch} if branch else {}


def graph(inventory: Inventory, top: str = ALL, *, variables: bool = False) -> Iterator[str]:
    """Draw as `--graph` does, from one group down."""
    yield from _graph(inventory, inventory.group(top), 0, variables=variables)


def host_variables(host: Host, *, export: bool = False) -> dict[str, object]:
    """Tell what is written about a host, by itself alone or by its groups too."""
    return _plain(host.own if export else host.variables.written)


class _Tree:
    """Groups within groups, with what was written out already."""

    def __init__(self, inventory: Inventory, *, export: bool) -> None:
        self._inventory, self._export = inventory, export
        self._groups: set[str] = set()
        self._hosts: set[str] = set()

    def branch(self, group: Group) -> dict[str, object]:
        self._groups.add(group.name)
        parts = {
            "children": self._children(group),
            "hosts": {} if group.name == ALL else dict(map(self._host, group.hosts)),
            "vars": _group_variables(group) if self._export else {},
        }
        return {name: part for name, part in parts.items() if part}

    def _children(self, group: Group) -> dict[str, object]:
        found: dict[str, object] = {}
        for name in group.children:
            if name in self._groups:
                found[name] = {}
            elif below := self.branch(self._inventory.groups[name]):
                found[name] = below
        return found

    def _host(self, name: str) -> tuple[str, dict[str, object]]:
        known = name in self._hosts
        self._hosts.add(name)
        host = self._inventory.hosts[name]
        return name, {} if known else host_variables(host, export=self._export)


def _graph(inventory: Inventory, group: Group, depth: int, *, variables: bool) -> Iterator[str]:
    yield _line(f"@{group.name}:", depth)
    for child in group.children:
        yield from _graph(inventory, inventory.groups[child], depth + 1, variables=variables)
    if group.name != ALL:
        for name in group.hosts:
            yield _line(name, depth + 1)
            if variables:
                yield from _pairs(host_variables(inventory.hosts[name]), depth + 2)
    if variables:
        yield from _pairs(_group_variables(group), depth + 1)


def _pairs(told: Mapping[str, object], depth: int) -> Iterator[str]:
    for name, value in told.items():
        yield _line(f"{{{name} = {value}}}", depth)


def _line(text: str, depth: int) -> str:
    return f"{'  |' * depth}--{text}" if depth else text


def _group_variables(group: Group) -> dict[str, object]:
    told = _plain(group.variables)
    if group.priority != USUAL_PRIORITY:
        told = dict(sorted({**told, PRIORITY: group.priority}.items()))
    return told


def _plain(written: Mapping[str, Located]) -> dict[str, object]:
    return {name: written[name].plain() for name in sorted(written)}


def _marked(value: object) -> object:
    """Mark what no template is looked for in, so that it is read back as such."""
    if isinstance(value, Unsafe):
        return {UNSAFE: str(value)}
    if isinstance(value, Sealed):
        return {VAULT: str(value)}
    if isinstance(value, dict):
        return {key: _marked(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_marked(part) for part in value]
    return value
