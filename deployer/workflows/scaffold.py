"""A new project: the files that a first apply needs, with comments where one would ask."""

import json
import os
from pathlib import Path

from deployer.errors import DeployerError
from deployer.resources import templates
from deployer.spec.schema import inventory_schema
from deployer.workflows.writing import write_texts

SCHEMA = "inventory.schema.json"
"""Where a project keeps what its inventory's first line names, for editors."""


class AlreadyThere(DeployerError):
    """A project would overwrite something."""


def scaffold(directory: Path) -> tuple[Path, ...]:
    """
    Write a new project into a directory; nothing that exists is touched.

    Returns the files that were made, in the order in which to look at them.
    """
    made = _copies("project", directory)
    schema = json.dumps(inventory_schema(), indent=1, sort_keys=True)
    made[directory / SCHEMA] = f"{schema}\n"
    present = sorted(path for path in made if os.path.lexists(path))
    if present:
        raise AlreadyThere(
            f"{present[0]} exists, and nothing is ever overwritten",
            hint="choose an empty directory: deployer init DIR",
        )
    write_texts(made)
    return tuple(sorted(made, key=lambda path: (len(path.parts), path)))


def copy_templates(directory: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """
    Copy the Apache templates into a project, where its own win.

    Returns the files that were made, and those that were there and stay as they are.
    """
    made = _copies("apache", directory / "templates" / "apache")
    present = tuple(sorted(path for path in made if os.path.lexists(path)))
    for path in present:
        del made[path]
    write_texts(made)
    return tuple(sorted(made)), present


def _copies(name: str, to: Path) -> dict[Path, str]:
    """Read what ships with the program below one name, by where it goes."""
    source = templates() / name
    return {
        to / path.relative_to(source): path.read_text(encoding="utf-8")
        for path in source.rglob("*")
        if path.is_file()
    }
