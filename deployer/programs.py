"""
Executable inventories: programs that print what there is, as Ansible's script plugin runs them.

`PROGRAM --list` prints everything. One that has no `_meta.hostvars` is asked once more for each
host, with `--host NAME`.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from deployer.inventory.place import InventoryError, Place, Problem
from deployer.inventory.sources import SourceFile

PATIENCE = 60
"""Seconds for one answer."""


def run(path: Path) -> SourceFile:
    """Ask a program for its inventory; raise `InventoryError` with its own last words."""
    text = _ask(path, "--list")
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError):
        said = None  # the reader says what is wrong with it
    if isinstance(said, dict) and "hostvars" not in (said.get("_meta") or {}):
        hostvars = {name: _variables(path, name) for name in _hosts(said)}
        text = json.dumps({**said, "_meta": {"hostvars": hostvars}})
    return SourceFile(str(path), text, kind="script")


def _hosts(said: dict[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    for name, group in said.items():
        if isinstance(group, dict):
            keyed = {"hosts", "children", "vars"}.intersection(group)
            hosts = group.get("hosts", []) if keyed else [name]
        else:
            hosts = group
        found.update(dict.fromkeys(one for one in hosts or () if isinstance(one, str)))
    return list(found)


def _variables(path: Path, host: str) -> object:
    text = _ask(path, "--host", host)
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _failed(path, f"what it prints for --host {host} is not JSON: {error}") from error


def _ask(path: Path, *arguments: str) -> str:
    asked = " ".join(arguments)
    try:
        ended = subprocess.run(
            [str(path.absolute()), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(path, f"did not answer {asked} within {PATIENCE} s") from error
    except OSError as error:
        raise _failed(path, f"cannot be executed: {error.strerror}") from error
    if ended.returncode != 0:
        words = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        why = f": {words[-1]}" if words else ""
        raise _failed(path, f"ended with status {ended.returncode} for {asked}{why}")
    try:
        return ended.stdout.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _failed(path, f"what it prints for {asked} is not UTF-8") from error


def _failed(path: Path, text: str) -> InventoryError:
    return InventoryError([Problem(Place(str(path), 1), text)])
