"""Apache's files before and after, line by line."""

import difflib
from collections.abc import Iterator, Mapping

from deployer.report import console

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def show(old: Mapping[str, str], new: Mapping[str, str], *, before: str, after: str) -> None:
    """Print how each file changes from `old` to `new`, which are called `before` and `after`."""
    for line in _lines(old, new, before, after):
        console.styled((f"    {line}", COLOURS.get(line[:1], "")))


def _lines(
    old: Mapping[str, str], new: Mapping[str, str], before: str, after: str
) -> Iterator[str]:
    for path in sorted(old.keys() | new.keys()):
        was, will = old.get(path, "").splitlines(), new.get(path, "").splitlines()
        yield from difflib.unified_diff(
            was, will, f"{before}/{path}", f"{after}/{path}", lineterm=""
        )
