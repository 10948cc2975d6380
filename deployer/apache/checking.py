"""
Checking: what can be said of an Apache file by reading it, whoever wrote its template.

That is little: a control character, or a section that nothing ends. The rest is said by Apache
itself, when the release is rehearsed.
"""

import re
from collections.abc import Iterator

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SECTION = re.compile(r"\s*<(/?)([A-Za-z][A-Za-z0-9]*)")


def faults(text: str) -> Iterator[tuple[int, str]]:
    """Find what Apache would stumble over, with the number of its line."""
    began: list[tuple[int, str]] = []
    for number, line in _logical(text):
        if _CONTROL.search(line):
            yield number, "holds a control character"
        found = _SECTION.match(line)
        if found is None:
            continue
        ends, name = found.groups()
        if not ends:
            began.append((number, name))
        elif not began:
            yield number, f"</{name}> ends what nothing began"
        else:
            at, opened = began.pop()
            if opened.lower() != name.lower():
                yield number, f"</{name}> ends the <{opened}> of line {at}"
                return  # whatever follows is out of step as well
    for number, name in began:
        yield number, f"<{name}> is never ended"


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """
    Join lines as Apache does: a backslash at the end goes on with the next, in comments too.

    `splitlines` would break at letters that are not the end of a line to Apache.
    """
    parts: list[str] = []
    first = 1
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not parts:
            first = number
        if line.endswith("\\") and number < len(lines):
            parts.append(line[:-1])
        else:
            yield first, "".join([*parts, line])
            parts = []
