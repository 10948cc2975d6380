"""TOML inventories: `[web.hosts]`, `[web.vars]`, and `children` as a list of names."""

import re
import tomllib

from deployer.inventory.draft import Draft
from deployer.inventory.place import Key, Located, Place
from deployer.inventory.plain import located
from deployer.inventory.sources import SourceFile
from deployer.inventory.yaml_inventory import read_groups

_PLACE = re.compile(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)")


def read_toml_inventory(source: SourceFile, draft: Draft) -> None:
    """Add to a draft what one file says. A mistake within it has the line of its group."""
    try:
        groups = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        said = _PLACE.fullmatch(str(error))
        line, column = (int(one or 0) for one in said.groups()[1:]) if said else (1, 0)
        place = Place(source.path, line or source.text.count("\n") + 1, column)
        draft.problem(place, f"not valid TOML: {said[1] if said else error}")
        return
    except RecursionError:
        draft.problem(Place(source.path, 1), "not valid TOML: nested too deeply")
        return
    tree: dict[Key, Located] = {
        name: _group(group, _place(source, name)) for name, group in groups.items()
    }
    read_groups(Located(tree, Place(source.path, 1)), draft)


def _group(group: object, place: Place) -> Located:
    """Turn a list of children into what it would be in YAML."""
    if isinstance(group, dict) and isinstance(children := group.get("children"), list):
        named = {child if isinstance(child, str) else repr(child): None for child in children}
        group = {**group, "children": named}
    return located(group, place)


def _place(source: SourceFile, name: str) -> Place:
    for number, line in enumerate(source.text.split("\n"), start=1):
        if line.lstrip(" \t[").startswith((name, f'"{name}"', f"'{name}'")):
            return Place(source.path, number)
    return Place(source.path, 1)
