"""
Inventory sources on the disk: files, directories, programs, and the variable files beside them.

The only code that opens them. What they mean is decided by `deployer.inventory`.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from deployer.inventory.place import InventoryError, Place, Problem
from deployer.inventory.sources import (
    COMMAND_LINE,
    SourceFile,
    Sources,
    Surroundings,
    VariableFiles,
)
from deployer.inventory.vault import Vault
from deployer.programs import run

# Directories of Ansible's own, and the endings that its inventory directories leave out.
_NOT_INVENTORIES = frozenset({"group_vars", "host_vars", "vars_plugins"})
_SKIPPED = frozenset(
    {".pyc", ".pyo", ".swp", ".bak", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"}
)
_VARIABLE_FILES = frozenset({"", ".yml", ".yaml", ".json"})


def read_sources(
    named: Sequence[str | Path],
    *,
    project: Path | None = None,
    extra: Sequence[str] = (),
    vault: Vault | None = None,
    lenient: bool = False,
) -> Sources:
    """
    Read the inventories that `-i` names and everything beside them and the project's file.

    What has a comma in it is a list of hosts, what may be executed is. `extra` has the arguments
    of `-e`; `@file` among them is read. `lenient`: inventories that cannot be read are left out.
    """
    losses: list[Problem] = []
    paths = [Path(one) for one in named if "," not in str(one)]
    around = dict.fromkeys(path if _is_directory(path) else path.parent for path in paths)
    return Sources(
        inventories=tuple(
            file for one in named for file in _source(one, losses if lenient else None)
        ),
        beside_inventories=tuple(_surroundings(directory) for directory in around),
        beside_project=() if project is None else (_surroundings(project),),
        extra=tuple(_extra(argument) for argument in extra),
        vault=vault or Vault(),
        lenient=lenient,
        losses=tuple(losses),
    )


def _source(named: str | Path, losses: list[Problem] | None) -> Iterator[SourceFile]:
    if "," in str(named):
        yield SourceFile(str(named), str(named), kind="hosts")
        return
    for path in _inventories(Path(named)):
        try:
            yield run(path) if _is_program(path) else _read(path)
        except InventoryError as error:
            if losses is None:
                raise
            losses += error.problems


def _is_program(path: Path) -> bool:
    """
    Say whether a file is to be executed, rather than read.

    On some file systems every file may be, so that the mode alone does not tell.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    if beginning[:2] != b"#!" and beginning != b"\x7fELF":
        return False
    if os.access(path, os.X_OK):
        return True
    text = f"begins as a program does and may not be executed: chmod +x {path}"
    raise InventoryError([Problem(Place(str(path), 1), text)])


def _inventories(path: Path) -> Iterator[Path]:
    if not _is_directory(path):
        yield path
        return
    for entry in _entries(path):
        if _is_left_out(entry) or entry.name in _NOT_INVENTORIES or entry.suffix in _SKIPPED:
            continue
        yield from _inventories(entry)


def _surroundings(directory: Path) -> Surroundings:
    return Surroundings(
        group_vars=_variable_files(directory / "group_vars"),
        host_vars=_variable_files(directory / "host_vars"),
    )


def _variable_files(directory: Path) -> VariableFiles:
    found = {}
    if _is_directory(directory):
        for entry in _entries(directory):
            if _is_directory(entry):
                found[entry.name] = tuple(_read(path) for path in _nested(entry))
            elif not _is_left_out(entry) and entry.suffix not in _SKIPPED:
                found[entry.name] = (_read(entry),)
    return found


def _nested(directory: Path) -> Iterator[Path]:
    for entry in _entries(directory):
        if _is_left_out(entry):
            continue
        if not _is_directory(entry):
            if entry.suffix in _VARIABLE_FILES:
                yield entry
        elif not entry.suffix:
            yield from _nested(entry)


def _is_left_out(entry: Path) -> bool:
    return entry.name.startswith(".") or entry.name.endswith("~")


def _extra(argument: str) -> SourceFile:
    if argument.startswith("@"):
        return _read(_expanded(Path(argument[1:])))
    return SourceFile(COMMAND_LINE, argument)


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise _unreadable(path, "there is no such home directory") from error


def _is_directory(path: Path) -> bool:
    """Say whether it is one; a place that may not be looked at is not an empty one."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(path, error.strerror) from error


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        raise _unreadable(directory, error.strerror) from error


def _read(path: Path) -> SourceFile:
    try:
        return SourceFile(str(path), path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    except UnicodeDecodeError as error:
        problem = Problem(Place(str(path), 1), "is not UTF-8 text")
        raise InventoryError([problem]) from error


def _unreadable(path: Path, why: str | None) -> InventoryError:
    return InventoryError([Problem(Place(str(path), 1), f"cannot be read: {why}")])
