"""`deployer init`."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    directory: Annotated[
        Path, typer.Argument(help="where the project goes", metavar="[DIR]")
    ] = Path(),
    *,
    templates: Annotated[
        bool,
        typer.Option(
            "--templates", help="copy the Apache templates, into a project that is there too"
        ),
    ] = False,
    timer: Annotated[
        bool, typer.Option("--timer", help="print units of systemd for a daily run, and no more")
    ] = False,
) -> None:
    """Make a new project: deployer.toml and an example inventory."""
    from deployer.report import console
    from deployer.workflows.project import FILE
    from deployer.workflows.scaffold import scaffold

    if timer:
        from deployer.workflows.timer import units

        console.data(units(directory))
        return
    if templates and (directory / FILE).exists():
        _templates(directory)
        return
    for path in scaffold(directory):
        console.data(str(path))
    if templates:
        _templates(directory)
    console.note("next: edit inventories/, then deployer ca init, then deployer plan")


def _templates(directory: Path) -> None:
    from deployer.report import console
    from deployer.workflows.scaffold import copy_templates

    made, present = copy_templates(directory)
    for path in made:
        console.data(str(path))
    if present:
        console.note(f"{len(present)} were there, and stay as they are")
    if made:
        console.note("next: delete those that you do not change: the others change with deployer")
