"""Inventories from texts that stand in the tests."""

from collections.abc import Mapping
from textwrap import dedent

from deployer.inventory.loading import load_inventory
from deployer.inventory.model import Host, Inventory
from deployer.inventory.sources import COMMAND_LINE, SourceFile, Sources, Surroundings


def inventory(
    text: str,
    *,
    beside: Mapping[str, str] | None = None,
    project: Mapping[str, str] | None = None,
    extra: tuple[str, ...] = (),
) -> Inventory:
    """Load `hosts.yml` with the variable files that lie beside it and beside the project."""
    return load_inventory(
        Sources(
            inventories=(SourceFile("hosts.yml", dedent(text)),),
            beside_inventories=(surroundings(beside or {}),),
            beside_project=(surroundings(project or {}),),
            extra=tuple(SourceFile(COMMAND_LINE, each) for each in extra),
        )
    )


def surroundings(files: Mapping[str, str]) -> Surroundings:
    """Make what a reader finds: `group_vars/web.yml` is a file, `group_vars/db/a.yml` in one."""
    found: dict[str, dict[str, tuple[SourceFile, ...]]] = {"group_vars": {}, "host_vars": {}}
    for path, text in files.items():
        directory, _, rest = path.partition("/")
        entries = found[directory]
        name = rest.split("/")[0]
        entries[name] = (*entries.get(name, ()), SourceFile(path, dedent(text)))
    return Surroundings(group_vars=found["group_vars"], host_vars=found["host_vars"])


def host(variables: str, *, name: str = "web1") -> Host:
    """Make one host with these variables, which begin on line 4 of `hosts.yml`."""
    body = "".join(f"      {line}\n" for line in dedent(variables).strip().splitlines())
    return inventory(f"all:\n  hosts:\n    {name}:\n{body}").host(name)
