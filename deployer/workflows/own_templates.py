"""The templates of a project: those that ship with the program, and those that it has instead."""

from pathlib import Path

from deployer.apache.rendering import Templates
from deployer.resources import templates as shipped_templates
from deployer.workflows.settings import ProjectError

TEMPLATES = "templates"
"""Where a project has templates of its own, by the names of those that they replace."""


def templates_of(root: Path) -> Templates:
    """Read the templates that render what hosts get; those of the project win."""
    shipped, own = shipped_templates(), root / TEMPLATES
    # In a checkout of the program they are the same.
    differ = own.resolve() != shipped.resolve()
    return Templates(_texts(shipped), _texts(own) if differ else {}, directory=TEMPLATES)


def _texts(directory: Path) -> dict[str, str]:
    """Read the Apache templates below a directory, by their names."""
    texts = {}
    for path in sorted(directory.glob("apache/*.j2")):
        try:
            texts[str(path.relative_to(directory))] = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ProjectError(f"cannot read {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ProjectError(f"{path} is not UTF-8 text") from error
    return texts
