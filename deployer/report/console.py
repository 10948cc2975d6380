"""
The two streams, and how we speak.

stdout is data and nothing else: a table, PEM, JSON lines. Everything that is said to a person
goes to stderr, in lower case and without a full stop, so that a pipe never carries prose.
Colours follow the terminal and `NO_COLOR`.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from deployer.errors import DeployerError

SCHEMA = 1
"""The version of the JSON lines; it changes when a field changes its meaning."""


def data(text: str) -> None:
    """Write data as it stands."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """Show what a terminal would obey: names in certificates of others may say anything."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(
        one if one == "\n" or one.isprintable() else f"\\x{ord(one):02x}" for one in text
    )


def styled(*parts: tuple[str, str]) -> None:
    """Write one line of data: texts with their styles, coloured where the terminal likes it."""
    _say(parts, on_stderr=False)


def note(text: str, *, style: str = "") -> None:
    """Say something to the person at the terminal."""
    _say([(printable(text), style)], on_stderr=True)


def error(problem: DeployerError) -> None:
    """Say what went wrong, and what to type next."""
    failure(problem.message, problem.hint)


def failure(message: str, hint: str = "") -> None:
    """Print a message of one or many lines, and its hint."""
    _say([("deployer:", "bold red"), (f" {printable(message)}", "")], on_stderr=True)
    if hint:
        _say([("hint:", "bold"), (f" {printable(hint)}", "")], on_stderr=True)


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, styles: Sequence[str] = ()
) -> None:
    """
    Write a table: columns as wide as they need, no frames, no folding.

    `styles` colours the rows one by one. Lines are never cut: what does not fit a terminal
    still fits a pipe.
    """
    body = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    write = "  ".join(f"{{:<{width}}}" for width in widths).format
    lines = [printable(write(*row).rstrip()) for row in (tuple(header), *body)]
    if not sys.stdout.isatty():
        data("\n".join(lines))  # a hundred thousand lines in one go, for nobody to look at
        return
    for number, line in enumerate(lines):
        style = "bold" if number == 0 else (styles[number - 1] if styles else "")
        styled((line, style))


def json_line(event: str, **fields: object) -> None:
    """Write one event as a line of JSON."""
    json_lines(event, [fields])


def json_lines(event: str, happenings: Iterable[Mapping[str, object]]) -> None:
    """Write many events of one kind, a line of JSON each."""
    lines = [json.dumps({"event": event, **fields}, ensure_ascii=False) for fields in happenings]
    if lines:
        data("\n".join(lines))


def _say(parts: Iterable[tuple[str, str]], *, on_stderr: bool) -> None:
    stream = sys.stderr if on_stderr else sys.stdout
    if not (stream.isatty() or os.environ.get("FORCE_COLOR")):
        stream.write("".join(text for text, _ in parts) + "\n")
        stream.flush()
        return
    from rich.console import Console
    from rich.text import Text

    # Made anew: tests and shells replace the streams, and a console remembers what it was given.
    console = Console(stderr=on_stderr, highlight=False, soft_wrap=True)
    console.print(Text.assemble(*parts))
