"""
Apache's own lines, read as Apache reads them: words, quotes, sections.

For `extra`, which is the one part of a site that nobody but Apache understands.
"""

from dataclasses import dataclass
from functools import lru_cache

_TRANSPARENT = frozenset(
    {"ifmodule", "ifdefine", "ifversion", "iffile", "ifdirective", "ifsection"}
)
_GROUPS = frozenset({"requireall", "requireany", "requirenone"})


@dataclass(frozen=True, slots=True)
class Section:
    """What a line stands in: `<Location "/a">`."""

    name: str
    """In lower case."""
    arguments: tuple[str, ...]
    number: int
    """The line that begins it, which tells two alike apart."""
    written: str

    def __str__(self) -> str:
        return f"<{' '.join([self.written, *self.arguments])}>"


@dataclass(frozen=True, slots=True)
class Line:
    """One directive."""

    number: int
    name: str
    """In lower case: Apache knows no case here."""
    written: str
    arguments: tuple[str, ...]
    rest: str
    """Everything after the name, as it was written."""
    sections: tuple[Section, ...]
    """From the outermost to the innermost."""
    open_quote: bool
    """Whether a quote begins that does not end."""

    @property
    def words(self) -> frozenset[str]:
        """The arguments in lower case, for directives whose arguments are words."""
        return frozenset(word.lower() for word in self.arguments)

    @property
    def first(self) -> str:
        """The first argument in lower case."""
        return self.arguments[0].lower() if self.arguments else ""

    @property
    def places(self) -> tuple[Section, ...]:
        """The sections that make it concern a part of the site alone."""
        return tuple(
            one for one in self.sections if one.name not in _TRANSPARENT and one.name not in _GROUPS
        )

    @property
    def group(self) -> Section | None:
        """The `<RequireAll>` or its like that it stands in directly."""
        last = self.sections[-1] if self.sections else None
        return last if last and last.name in _GROUPS else None


@lru_cache(maxsize=1024)
def read(text: str) -> tuple[Line, ...]:
    """Read the directives of a text; its sections are balanced, as the spec has seen to."""
    found: list[Line] = []
    sections: list[Section] = []
    for number, line in _logical(text):
        name, arguments, rest, open_quote = _split(line)
        if name.startswith("</"):
            if sections:
                sections.pop()
        elif name.startswith("<"):
            inside = _words(line[1:].rstrip().removesuffix(">"))[0]
            sections.append(Section(inside[0].lower(), tuple(inside[1:]), number, inside[0]))
        elif name:
            found.append(
                Line(number, name.lower(), name, arguments, rest, tuple(sections), open_quote)
            )
    return tuple(found)


def _logical(text: str) -> list[tuple[int, str]]:
    """Join lines that end in a backslash, comments as well, and leave comments out."""
    lines: list[tuple[int, str]] = []
    begun: list[str] = []
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        if not begun:
            start = number
        if line.endswith("\\"):
            begun.append(line[:-1])
            continue
        joined = "".join((*begun, line)).strip()
        begun = []
        if joined and not joined.startswith("#"):
            lines.append((start, joined))
    return lines


def _split(line: str) -> tuple[str, tuple[str, ...], str, bool]:
    words, open_quote = _words(line)
    _, _, rest = line.partition(words[0])
    return words[0], tuple(words[1:]), rest.strip(), open_quote


def _words(text: str) -> tuple[list[str], bool]:
    """Divide as `ap_getword_conf` does: a quote counts at the beginning of a word alone."""
    words: list[str] = []
    at, open_quote = 0, False
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] in "\"'":
            word, at, ended = _quoted(text, at)
            words.append(word)
            open_quote = open_quote or not ended
        else:
            end = at
            while end < len(text) and not text[end].isspace():
                end += 1
            words.append(text[at:end])
            at = end
    return words or [""], open_quote


def _quoted(text: str, start: int) -> tuple[str, int, bool]:
    quote, at, word = text[start], start + 1, ""
    while at < len(text) and text[at] != quote:
        if text[at] == "\\" and text[at + 1 : at + 2] in {quote, "\\"}:
            at += 1
        word += text[at]
        at += 1
    return word, at + 1, at < len(text)
