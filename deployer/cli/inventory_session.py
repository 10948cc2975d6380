"""
One run of one command that reads the project and its inventory, and nothing else.

The state, keys and connections come with the sessions that build on this one: whoever only looks
at an inventory does not wait for them.
"""

from functools import cached_property
from types import TracebackType
from typing import Self

from deployer.cli.options import Common
from deployer.cli.vault import open_vault
from deployer.inventory.model import Host, Inventory
from deployer.report import console
from deployer.workflows.inventories import chosen, read_inventory
from deployer.workflows.project import Project, find, here


class InventorySession:
    """What a command works with."""

    def __init__(self, common: Common) -> None:
        self.common = common

    @cached_property
    def project(self) -> Project:
        """The project of this directory."""
        return find(
            here(),
            inventory=tuple(self.common.inventory or ()),
            state=self.common.state,
            known_hosts=self.common.known_hosts,
            forks=self.common.forks,
        )

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory of the project."""
        common = self.common
        vault = open_vault(
            common.vault_id or (), common.vault_password_file or (), ask=common.ask_vault_pass
        )
        inventory = read_inventory(self.project, common.extra_vars or (), vault)
        for loss in inventory.losses:
            console.note(f"warning: {loss}", style="yellow")
        return inventory

    def hosts(self, pattern: str) -> tuple[Host, ...]:
        """Select the hosts of a pattern."""
        passed_over: list[str] = []
        hosts = chosen(self.inventory, pattern, self.common.limit, passed_over)
        for text in passed_over:
            console.note(f"warning: {text}", style="yellow")
        return hosts

    def name_hosts(self, pattern: str) -> None:
        """Print the names of the hosts of a pattern, for `--list-hosts`."""
        for host in self.hosts(pattern):
            console.data(host.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what was opened: here nothing."""
