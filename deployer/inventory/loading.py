"""Inventories made from their sources: read, connect, and decide every variable."""

from collections.abc import Mapping
from dataclasses import replace

from deployer.inventory.draft import Draft
from deployer.inventory.model import ALL, Group, Host, Inventory
from deployer.inventory.place import InventoryError
from deployer.inventory.precedence import Layers
from deployer.inventory.reading import read_inventory
from deployer.inventory.sources import SourceFile, Sources
from deployer.inventory.templating import Variables


def load_inventory(sources: Sources) -> Inventory:
    """
    Make an inventory, or raise `InventoryError` with everything that is wrong.

    Templates are not resolved here: what nobody asks for may stay unresolvable, as in Ansible.
    """
    draft = Draft(sources.vault, lenient=sources.lenient)
    for source in sources.inventories:
        draft = _read(source, draft)
    groups = draft.finish()
    layers = Layers(sources, groups, draft)
    memberships = _memberships(groups)
    variables: dict[str, Variables] = {}
    hosts: dict[str, Host] = {}
    shared = {
        "groups": {name: list(group.members) for name, group in groups.items()},
        "hostvars": variables,
    }
    for name, read in draft.hosts.items():
        member_of = memberships[name]
        names = tuple(sorted(member_of - {ALL}))
        magic = {
            **shared,
            "inventory_hostname": name,
            "inventory_hostname_short": name.split(".")[0],
            "inventory_file": read.file,
            "inventory_dir": read.file.rpartition("/")[0] or ".",
            "group_names": list(names),
        }
        own = layers.of_host_itself(name, read.variables)
        variables[name] = Variables(name, layers.of_host(own, member_of), magic, sources.vault)
        hosts[name] = Host(name=name, groups=names, variables=variables[name], own=own)
    groups = {
        name: replace(group, variables=layers.of_group_itself(group))
        for name, group in groups.items()
    }
    if draft.problems:
        raise InventoryError(draft.problems)
    return Inventory(
        hosts=hosts,
        groups=groups,
        lenient=sources.lenient,
        losses=(*sources.losses, *draft.losses),
    )


def _read(source: SourceFile, draft: Draft) -> Draft:
    """
    Read one source into a draft, and return the draft to go on with.

    A lenient one goes on without a source that has a mistake anywhere, as Ansible does.
    """
    if not draft.lenient:
        read_inventory(source, draft)
        return draft
    trial = draft.copy()
    read_inventory(source, trial)
    try:
        trial.copy().finish()  # groups in a circle are a mistake of the source that closes it
    except InventoryError as error:
        draft.losses += error.problems
        return draft
    return trial


def _memberships(groups: Mapping[str, Group]) -> dict[str, frozenset[str]]:
    """Say for each host which groups it is in; hosts of one kind share one set."""
    found: dict[str, set[str]] = {}
    for name, group in groups.items():
        for host in group.members:
            found.setdefault(host, set()).add(name)
    shared: dict[frozenset[str], frozenset[str]] = {}
    sets = {host: frozenset(names) for host, names in found.items()}
    return {host: shared.setdefault(names, names) for host, names in sets.items()}
