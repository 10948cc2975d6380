"""`deployer init`."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    directory: Annotated[
        Path, typer.Argument(help="where the project goes", metavar="[DIR]")
    ] = Path(),
) -> None:
    """Make a new project: deployer.toml and an example inventory."""
    from deployer.report import console
    from deployer.workflows.scaffold import scaffold

    for path in scaffold(directory):
        console.data(str(path))
    console.note("next: edit inventories/, then deployer ca init, then deployer plan")
