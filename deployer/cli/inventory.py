"""`deployer inventory`: what is written, before anybody is connected to."""

from typing import Annotated

import typer

from deployer.cli.hosts import Pattern
from deployer.cli.options import INVENTORY, Common
from deployer.cli.sharing import shares

Export = Annotated[
    bool, typer.Option("--export", help="groups with their variables, hosts with their own alone")
]
AsYaml = Annotated[bool, typer.Option("--yaml", "-y", help="YAML in place of JSON")]


@shares(*INVENTORY)
def list_(
    common: Common,
    pattern: Pattern = "all",
    as_yaml: AsYaml = False,
    export: Export = False,
) -> None:
    """Print the inventory as `ansible-inventory --list` does."""
    from deployer.cli.inventory_session import InventorySession
    from deployer.inventory.listing import listing, tree

    with InventorySession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
        elif as_yaml:
            _print(tree(session.inventory, export=export), as_yaml=True)
        else:
            _print(listing(session.inventory, export=export), as_yaml=False)


@shares(*INVENTORY)
def graph(
    common: Common,
    group: Annotated[str, typer.Argument(help="the group to begin with")] = "all",
    variables: Annotated[
        bool, typer.Option("--vars", help="with the variables of hosts and groups")
    ] = False,
) -> None:
    """Draw groups and hosts as `ansible-inventory --graph` does."""
    from deployer.cli.inventory_session import InventorySession
    from deployer.inventory import listing
    from deployer.report import console

    with InventorySession(common) as session:
        for line in listing.graph(session.inventory, group, variables=variables):
            console.data(line)


@shares(*INVENTORY)
def host(
    common: Common,
    name: Annotated[str, typer.Argument(help="the host, by its exact name")],
    as_yaml: AsYaml = False,
    export: Export = False,
) -> None:
    """Print the variables of one host as `ansible-inventory --host` does."""
    from deployer.cli.inventory_session import InventorySession
    from deployer.inventory.listing import host_variables

    with InventorySession(common) as session:
        _print(host_variables(session.inventory.host(name), export=export), as_yaml=as_yaml)


def schema() -> None:
    """Print the JSON Schema of inventories, for editors that complete and check YAML."""
    from deployer.report import inventories
    from deployer.spec.schema import inventory_schema

    inventories.show_json(inventory_schema())


@shares(*INVENTORY, "as_json")
def check(
    common: Common,
    pattern: Pattern = "all",
) -> None:
    """Say what is wrong or dangerous in the inventory: offline, and 1 on errors."""
    from deployer.advice.finding import Severity
    from deployer.cli.host_session import HostSession
    from deployer.report import findings
    from deployer.store.faults import NoState
    from deployer.workflows.inspection import inspect

    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        hosts = session.hosts(pattern)
        try:
            store = session.store
        except NoState:
            store = None  # and nothing to say about authorities of ours
        found = inspect(hosts, store, root=session.project.root, now=session.now)
    if common.as_json:
        findings.show_json(found)
    else:
        findings.show(found, hosts=len(hosts))
    if any(one.severity is Severity.ERROR for one in found):
        raise typer.Exit(1)


def _print(told: dict[str, object], *, as_yaml: bool) -> None:
    from deployer.report import inventories

    (inventories.show_yaml if as_yaml else inventories.show_json)(told)
