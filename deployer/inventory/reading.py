"""Reading one source, whatever it is written in."""

import re
from pathlib import PurePath

from deployer.inventory.document import read_document
from deployer.inventory.draft import Draft
from deployer.inventory.host_list import read_host_list
from deployer.inventory.ini_inventory import read_ini_inventory
from deployer.inventory.place import InventoryError
from deployer.inventory.script_inventory import read_script_inventory
from deployer.inventory.sources import SourceFile, opened
from deployer.inventory.toml_inventory import read_toml_inventory
from deployer.inventory.yaml_inventory import read_yaml_inventory

_YAML = frozenset({".yml", ".yaml", ".json"})
_BEGINS_AS_YAML = re.compile(r"(?:[ \t]*(?:#.*)?\n)*(?:---|\{|[^\s\[;#=]+:[ \t]*(?:[\n{#]|$))")


def read_inventory(source: SourceFile, draft: Draft) -> None:
    """Add to a draft what one source says, by its kind and the ending of its name."""
    try:
        source = opened(source, draft.vault)
    except InventoryError as error:
        draft.problems += error.problems
        return
    ending = PurePath(source.path).suffix
    if source.kind == "hosts":
        read_host_list(source, draft)
    elif source.kind == "script":
        read_script_inventory(source, draft)
    elif ending in _YAML:
        read_yaml_inventory(source, draft)
    elif ending == ".toml":
        read_toml_inventory(source, draft)
    elif not ending and _is_yaml(source):
        read_yaml_inventory(source, draft)
    else:
        read_ini_inventory(source, draft)


def _is_yaml(source: SourceFile) -> bool:
    """
    Say what a file without an ending is: Ansible tries YAML, and then INI.

    One with a mistake in it is what it looks like, so that the mistake is told and no other.
    """
    try:
        found = read_document(source)
    except InventoryError:
        return _BEGINS_AS_YAML.match(source.text) is not None
    return isinstance(found.value, dict)
