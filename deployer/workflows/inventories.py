"""The inventory of a project, and the hosts that a pattern means."""

from collections.abc import Sequence
from pathlib import Path

from deployer.errors import UsageError
from deployer.inventory.loading import load_inventory
from deployer.inventory.model import Host, Inventory
from deployer.inventory.patterns import select
from deployer.inventory.vault import Vault
from deployer.sources import read_sources
from deployer.workflows.project import Project
from deployer.workflows.reading import CannotRead, read_file


def read_inventory(
    project: Project, extra: Sequence[str] = (), vault: Vault | None = None
) -> Inventory:
    """Read the inventory of a project, with its variable files and those of `-e`."""
    sources = read_sources(
        project.inventory,
        project=project.root,
        extra=extra,
        vault=vault,
        lenient=project.inventory_compat == "ansible",
    )
    return load_inventory(sources)


def chosen(
    inventory: Inventory, pattern: str, limit: str | None, passed_over: list[str]
) -> tuple[Host, ...]:
    """
    Select hosts; a pattern that matches nothing is an error. `@file` has one a line.

    `passed_over` takes what a lenient inventory makes of names that are not there.
    """
    if limit is None or not limit.startswith("@"):
        return select(inventory, pattern, limit, passed_over=passed_over)
    try:
        lines = read_file(Path(limit[1:]).expanduser()).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CannotRead(f"{limit[1:]} is not UTF-8 text") from error
    if not (patterns := [line for line in lines if line.strip()]):
        raise UsageError(f"{limit[1:]} limits the run to no host: it is empty")
    return select(inventory, pattern, patterns, passed_over=passed_over)
