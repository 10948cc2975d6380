"""The inventory of a project, and the hosts that a pattern means."""

from collections.abc import Sequence

from deployer.inventory.loading import load_inventory
from deployer.inventory.model import Host, Inventory
from deployer.inventory.patterns import select
from deployer.inventory.vault import Vault
from deployer.sources import read_sources
from deployer.workflows.project import Project


def read_inventory(
    project: Project, extra: Sequence[str] = (), vault: Vault | None = None
) -> Inventory:
    """Read the inventory of a project, with its variable files and those of `-e`."""
    sources = read_sources(project.inventory, project=project.root, extra=extra, vault=vault)
    return load_inventory(sources)


def chosen(inventory: Inventory, pattern: str, limit: str | None) -> tuple[Host, ...]:
    """Select hosts; a pattern that matches nothing is an error."""
    return select(inventory, pattern, limit)
