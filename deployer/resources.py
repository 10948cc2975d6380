"""
Where the files that ship with the program are.

Users read and override templates, so a checkout keeps them at its top; a wheel carries them
inside the package (`force-include` in pyproject.toml). Everybody else asks here.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def templates() -> Path:
    """Find the directory of the templates, in an installed wheel or in a checkout."""
    shipped = _PACKAGE / "templates"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "templates"
