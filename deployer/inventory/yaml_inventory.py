"""
YAML inventories: groups with `hosts`, `children` and `vars`, as Ansible's yaml plugin reads them.

Where that plugin skips what it does not know with a warning (a `host:` for `hosts:` loses every
host below it), this reader stops.
"""

from collections.abc import Iterator, Mapping

from deployer.errors import nearest
from deployer.inventory.document import read_document
from deployer.inventory.draft import Draft
from deployer.inventory.place import InventoryError, Located
from deployer.inventory.sources import SourceFile

_SECTIONS = ("hosts", "children", "vars")


def read_yaml_inventory(source: SourceFile, draft: Draft) -> None:
    """Add to a draft what one file says, in YAML or in JSON."""
    try:
        document = read_document(source, draft.loss)
    except InventoryError as error:
        draft.problems += error.problems
        return
    read_groups(document, draft)


def read_groups(document: Located, draft: Draft) -> None:
    """Add to a draft what a mapping of groups says."""
    if isinstance(document.value, Mapping) and "plugin" in document.value:
        draft.problem(
            document.value["plugin"].place,
            "this configures an inventory plugin of Ansible, it is not an inventory",
        )
        return
    for name, group in _entries(document, "an inventory", "groups", draft):
        _read_group(name, group, draft)


def _read_group(name: str, located: Located, draft: Draft) -> None:
    group = draft.add_group(name, located.place)
    if group is None:
        return
    for section, part in _entries(located, f"the group {name}", "sections", draft):
        what = f"{section} of {name}"
        if section == "vars":
            group.variables.update(read_variables(part, what, draft))
        elif section == "children":
            for child, below in _entries(part, what, "groups", draft):
                _read_group(child, below, draft)
                if child in draft.groups:
                    draft.add_child(name, child, below.place)
        elif section == "hosts":
            for pattern, below in _entries(part, what, "hosts", draft):
                variables = read_variables(below, f"the host {pattern}", draft)
                for host in draft.add_hosts(name, pattern, below.place):
                    draft.hosts[host].variables.update(variables)
        else:
            hint = nearest(section, _SECTIONS) or f"a group has {', '.join(_SECTIONS)}"
            draft.loss(part.place, f"{name}.{section}: unknown key, {hint}")


def read_variables(located: Located, what: str, draft: Draft) -> dict[str, Located]:
    """Read a mapping of variables; nothing at all is an empty one."""
    if isinstance(located.value, str):
        draft.problem(located.place, f"{what}: variables are a mapping, not a text")
        return {}
    return dict(_entries(located, what, "variables", draft))


def _entries(located: Located, what: str, kind: str, draft: Draft) -> Iterator[tuple[str, Located]]:
    """Yield what a mapping holds; null holds nothing, and a single text is a key without more."""
    value = located.value
    if value is None:
        return
    if isinstance(value, str):
        yield value, Located(None, located.place)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if isinstance(key, str):
                yield key, part
            else:
                draft.problem(part.place, f"{what}: {key!r} is not a text: put it in quotes")
    else:
        draft.problem(located.place, f"{what}: {kind} are a mapping, not {_name(value)}")


def _name(value: object) -> str:
    return "a list" if isinstance(value, tuple) else f"the value {value!r}"
