"""Listings of an inventory, in the words of `ansible-inventory`."""

from deployer.inventory.model import ALL, Inventory


def listing(inventory: Inventory) -> dict[str, object]:
    """
    List an inventory as `ansible-inventory --list` does.

    Variables stand as they are written: a listing resolves no template.
    """
    hostvars = {}
    for name, host in inventory.hosts.items():
        written = host.variables.written
        if written:
            hostvars[name] = {key: written[key].plain() for key in sorted(written)}
    found: dict[str, object] = {"_meta": {"hostvars": hostvars, "profile": "inventory_legacy"}}
    for name, group in inventory.groups.items():
        entry: dict[str, list[str]] = {}
        if group.children:
            entry["children"] = list(group.children)
        if group.hosts and name != ALL:
            entry["hosts"] = list(group.hosts)
        if entry:
            found[name] = entry
    return found
