"""
Apache's syntax as its manual and `ap_getword_conf` have it, read by nothing of the program's own.

What the program writes is judged by this reader, and this reader by Apache (`DUMP_CONFIG`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

BLANK = " \t\v\f\r"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """One directive; a section has others inside."""

    name: str
    """Of a section with its `<`."""
    arguments: str
    """Whatever follows the name, as it stands there."""
    inside: tuple["Directive", ...] = ()

    @property
    def is_section(self) -> bool:
        return self.name.startswith("<")

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments, unquoted."""
        text = self.arguments
        if self.is_section:
            if not text.endswith(">"):
                raise ValueError(f"{self.name} {text} has no >")
            text = text[:-1].rstrip(BLANK)
        return tuple(words(text))


def parse(text: str, defined: Mapping[str, str] | None = None) -> tuple[Directive, ...]:
    """Read a file; raise `ValueError` where Apache would not."""
    lines = iter(list(_logical_lines(text)))
    return tuple(_until(lines, None, defined or {}))


def word(text: str) -> tuple[str, str]:
    """Take the first word: quotes hold it together, a backslash protects a quote or itself."""
    quote = text[0] if text[0] in "\"'" else ""
    said = []
    at = len(quote)
    while at < len(text) and text[at] != quote and (quote or text[at] not in BLANK):
        if text[at] == "\\" and text[at + 1 : at + 2] in {"\\", quote or "\\"}:
            at += 1
        said.append(text[at])
        at += 1
    if quote:
        at += 1
    return "".join(said), text[at:].lstrip(BLANK)


def words(text: str) -> Iterator[str]:
    """Take every word."""
    rest = text.strip(BLANK)
    while rest:
        one, rest = word(rest)
        yield one


def _logical_lines(text: str) -> Iterator[str]:
    """Join what a backslash before the end of a line joins, in comments too."""
    if "\0" in text:
        raise ValueError("a NUL ends the line for Apache")
    pending = ""
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        bare = line.removesuffix("\r")
        if bare.endswith("\\") and number < len(lines):
            pending += bare[:-1]
            continue
        whole = (pending + bare).strip(BLANK)
        pending = ""
        if whole and not whole.startswith("#"):
            yield whole


def _until(
    lines: Iterator[str], section: str | None, defined: Mapping[str, str]
) -> Iterator[Directive]:
    for line in lines:
        # Variables are expanded before anything is told apart.
        expanded = _VARIABLE.sub(lambda found: defined.get(found[1], found[0]), line)
        name, rest = word(expanded)
        if name.startswith("</"):
            if section is None or name.lower() != f"</{section[1:].lower()}>":
                raise ValueError(f"{name} ends what nothing began")
            return
        if not name.startswith("<"):
            yield Directive(name=name, arguments=rest)
            continue
        if name.endswith(">"):
            name, rest = name[:-1], ">"
        yield Directive(name=name, arguments=rest, inside=tuple(_until(lines, name, defined)))
    if section is not None:
        raise ValueError(f"{section} is never ended")
