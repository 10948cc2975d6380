"""
Listings of an inventory, as `ansible-inventory` prints them.

Variables stand as they are written: a listing resolves no template.
"""

from collections.abc import Iterator, Mapping

from deployer.inventory.model import ALL, Group, Host, Inventory
from deployer.inventory.place import Located, Unsafe

PROFILE = "inventory_legacy"
UNSAFE = "__ansible_unsafe"
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
    """List as `--list --yaml` does: an inventory of its own, each host written out once."""
    told: set[str] = set()

    def branch(group: Group) -> dict[str, object]:
        found: dict[str, object] = {}
        children = {name: branch(inventory.groups[name]) for name in group.children}
        if kept := {name: below for name, below in children.items() if below}:
            found["children"] = kept
        if group.hosts and group.name != ALL:
            found["hosts"] = {}
            for name in group.hosts:
                known = name in told
                told.add(name)
                host = inventory.hosts[name]
                found["hosts"][name] = {} if known else host_variables(host, export=export)  # type: ignore[index]
        if export and (variables := _group_variables(group)):
            found["vars"] = variables
        return found

    return {ALL: branch(inventory.groups[ALL])}


def graph(inventory: Inventory, top: str = ALL, *, variables: bool = False) -> Iterator[str]:
    """Draw as `--graph` does, from one group down."""
    yield from _graph(inventory, inventory.group(top), 0, variables=variables)


def host_variables(host: Host, *, export: bool = False) -> dict[str, object]:
    """Tell what is written about a host, by itself alone or by its groups too."""
    return _plain(host.own if export else host.variables.written)


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
        told[PRIORITY] = group.priority
    return told


def _plain(written: Mapping[str, Located]) -> dict[str, object]:
    return {name: written[name].plain() for name in sorted(written)}


def _marked(value: object) -> object:
    """Mark what no template is looked for in, so that it is read back as such."""
    if isinstance(value, Unsafe):
        return {UNSAFE: str(value)}
    if isinstance(value, dict):
        return {key: _marked(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_marked(part) for part in value]
    return value
