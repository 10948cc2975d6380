"""
What an executable inventory printed: JSON with groups and `_meta.hostvars`.

The old forms are read as well: a list for a group's hosts, a bare mapping for a host of that name.
"""

import json

from deployer.inventory.draft import Draft
from deployer.inventory.place import Located, Place
from deployer.inventory.plain import located
from deployer.inventory.sources import SourceFile

_KEYS = frozenset({"hosts", "children", "vars"})


def read_script_inventory(source: SourceFile, draft: Draft) -> None:
    """Add to a draft what a program said."""
    place = Place(source.path, 1)
    try:
        said = json.loads(source.text)
    except (ValueError, RecursionError) as error:
        draft.problem(place, f"what it prints for --list is not JSON: {error}")
        return
    if not isinstance(said, dict):
        draft.problem(place, "what it prints for --list is no JSON object")
        return
    known = said.pop("_meta", None)
    hostvars = known.get("hostvars") if isinstance(known, dict) else None
    for name, group in said.items():
        _read_group(name, group, place, draft)
    for host, variables in hostvars.items() if isinstance(hostvars, dict) else ():
        if host in draft.hosts:  # what it says of others is about nobody
            draft.hosts[host].variables.update(_variables(variables, host, place, draft))


def _read_group(name: str, said: object, place: Place, draft: Draft) -> None:
    if draft.add_group(name, place) is None:
        return
    if isinstance(said, list):
        said = {"hosts": said}
    elif isinstance(said, dict) and not _KEYS.intersection(said):
        said = {"hosts": [name], "vars": said}
    if not isinstance(said, dict):
        draft.problem(place, f"the group {name} is neither an object nor a list")
        return
    for host in _names(said.get("hosts"), f"hosts of {name}", place, draft):
        # A name is a name here: what a program prints has no ranges.
        draft.add_host(name, host, place)
    draft.groups[name].variables.update(_variables(said.get("vars"), name, place, draft))
    for child in _names(said.get("children"), f"children of {name}", place, draft):
        if draft.add_group(child, place) is not None:
            draft.add_child(name, child, place)


def _names(said: object, what: str, place: Place, draft: Draft) -> list[str]:
    if said is None:
        return []
    if isinstance(said, list) and all(isinstance(one, str) for one in said):
        return said
    draft.problem(place, f"{what} are not a list of names")
    return []


def _variables(said: object, what: str, place: Place, draft: Draft) -> dict[str, Located]:
    if said is None:
        return {}
    if isinstance(said, dict):
        return {key: located(value, place) for key, value in said.items()}
    draft.problem(place, f"the variables of {what} are not an object")
    return {}
