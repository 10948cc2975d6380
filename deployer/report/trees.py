"""Rendered files: one after the other, or what differs from those that hosts have."""

from collections.abc import Sequence
from pathlib import Path

from deployer.report import console, differences
from deployer.workflows.render import Rendered


def show(rendered: Sequence[Rendered]) -> None:
    """Print every file after a line with its host and path, which is a comment to Apache."""
    for one in rendered:
        for path in sorted(one.texts):
            console.data(f"# ==> {one.host}: {path}")
            console.data(one.texts[path])


def show_paths(written: Sequence[Path]) -> None:
    """Print where files were written."""
    for path in written:
        console.data(str(path))


def show_differences(rendered: Sequence[Rendered]) -> None:
    """Print, host by host, what differs from its last deployment; name those that have none."""
    for one in rendered:
        if one.deployed is None:
            console.note(f"{one.host}: no deployment is on record")
        elif one.differs:
            console.styled((one.host, "bold"))
            differences.show(one.deployed.texts, one.texts, before="deployed", after="rendered")
    differing = sum(one.differs for one in rendered)
    console.note(
        f"render: {differing} differ{'s' if differing == 1 else ''} from the last deployment, "
        f"{len(rendered) - differing} as deployed",
        style="bold",
    )
