"""A new project: the files that a first apply needs, with comments where one would ask."""

from pathlib import Path

from deployer.errors import DeployerError
from deployer.resources import templates


class AlreadyThere(DeployerError):
    """A project would overwrite something."""


def scaffold(directory: Path) -> tuple[Path, ...]:
    """
    Write a new project into a directory; nothing that exists is touched.

    Returns the files that were made, in the order in which to look at them.
    """
    source = templates() / "project"
    made = {
        directory / path.relative_to(source): path.read_text()
        for path in source.rglob("*")
        if path.is_file()
    }
    present = sorted(path for path in made if path.exists())
    if present:
        raise AlreadyThere(
            f"{present[0]} exists, and nothing is ever overwritten",
            hint="choose an empty directory: deployer init DIR",
        )
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tuple(sorted(made, key=lambda path: (len(path.parts), path)))
