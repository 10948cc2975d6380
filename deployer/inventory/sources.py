"""
What an inventory is read from: texts with the names of their files.

Whoever walks the disk makes these values, so that everything after is a function of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from deployer.inventory.place import InventoryError, Place, Problem
from deployer.inventory.vault import HEADER, SealedText, Vault

COMMAND_LINE = "-e"
"""The file name of variables that were given on the command line."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A text, and the path under which the operator knows it."""

    path: str
    text: str = field(repr=False)
    kind: Literal["file", "hosts", "script"] = "file"
    """`hosts` for a list with commas in place of a file, `script` for what a program printed."""


VariableFiles = Mapping[str, tuple[SourceFile, ...]]
"""
The entries of one `group_vars` or `host_vars` directory, by name: `web.yml` holds itself, the
directory `db` every file in it, in the order in which later ones win.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The variable files beside an inventory, or beside the project's own file."""

    group_vars: VariableFiles = field(default_factory=dict)
    host_vars: VariableFiles = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything one inventory is made of, each kind in the order in which later ones win."""

    inventories: tuple[SourceFile, ...]
    beside_inventories: tuple[Surroundings, ...] = ()
    beside_project: tuple[Surroundings, ...] = ()
    extra: tuple[SourceFile, ...] = ()
    vault: Vault = field(default_factory=Vault, repr=False)
    lenient: bool = False
    """Whether what Ansible passes over with a warning is passed over."""
    losses: tuple[Problem, ...] = ()
    """What has been passed over: inventories that could not be read."""


def opened(source: SourceFile, vault: Vault) -> SourceFile:
    """Decrypt a file that is encrypted as a whole."""
    if not source.text.startswith(HEADER):
        return source
    try:
        return replace(source, text=vault.open(source.text))
    except SealedText as error:
        raise InventoryError([Problem(Place(source.path, 1), str(error))]) from error


def files_of(entries: VariableFiles, name: str) -> tuple[SourceFile, ...]:
    """
    Find the files of one group or host.

    The first that exists of four names, so that a directory `db` hides `db.yml`: Ansible's
    host_group_vars plugin.
    """
    for entry in (name, f"{name}.yml", f"{name}.yaml", f"{name}.json"):
        if entry in entries:
            return entries[entry]
    return ()
