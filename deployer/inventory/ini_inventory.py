"""
INI inventories: sections of hosts, of child groups and of variables, as Ansible's plugin reads.

Where that plugin loses something without a word (`u=a#b` gives `u` the value `a`, and whatever
stands after it on the line is gone), this reader stops.
"""

import ast
import re
import shlex
from collections.abc import Callable

from deployer.errors import nearest
from deployer.inventory.draft import Draft
from deployer.inventory.model import UNGROUPED
from deployer.inventory.place import Located, Place, Scalar, Unsafe
from deployer.inventory.sources import SourceFile

LONGEST_LITERAL = 10_000
"""Characters that are read as a literal of Python; what is longer is a text."""
DEEPEST = 60
_SECTION = re.compile(r"\[([^:\]\s]+)(?::([^\]\s]*))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"([^\s#]+)\s*(?:#.*)?")
_SPECIAL = re.compile(r"[\"'\\#]")
# What is no literal at first sight: most values are names, paths and addresses.
_TEXT = re.compile(r"[A-Za-z_/][A-Za-z0-9_./:@-]*|[0-9]+(?:\.[0-9]+){2,}", re.ASCII)
_WORDS = frozenset({"True", "False", "None"})
_KINDS = ("hosts", "children", "vars")


def read_ini_inventory(source: SourceFile, draft: Draft) -> None:
    """Add to a draft what one file says."""
    _Reader(source, draft).read()


class _Reader:
    """One file, line by line; what names groups is looked at again at its end."""

    def __init__(self, source: SourceFile, draft: Draft) -> None:
        self._source, self._draft = source, draft
        self._group, self._kind = UNGROUPED, "hosts"
        self._children: list[tuple[str, str, Place]] = []
        self._variables: list[tuple[str, Place, str, Located]] = []

    def read(self) -> None:
        lines: dict[str, Callable[[str, Place], None]] = {
            "hosts": self._host,
            "children": self._child,
            "vars": self._variable,
        }
        for number, written in enumerate(self._source.text.split("\n"), start=1):
            line, place = written.strip(), Place(self._source.path, number)
            if not line or line[0] in "#;":
                continue
            if line[0] == "[" and (found := _SECTION.fullmatch(line)):
                self._section(found[1], found[2], place)
            elif self._kind in lines:
                lines[self._kind](line, place)
        self._connect()

    def _section(self, group: str, kind: str | None, place: Place) -> None:
        self._group, self._kind = group, kind or "hosts"
        if kind is not None and kind not in _KINDS:
            hint = nearest(kind, _KINDS) or f"a group has {', '.join(_KINDS)}"
            self._draft.problem(place, f"[{group}:{kind}]: unknown section, {hint}")
            self._kind = ""
        # Variables may come before their group, but do not make it.
        elif kind != "vars" and self._draft.add_group(group, place) is None:
            self._kind = ""

    def _host(self, line: str, place: Place) -> None:
        if line[0] == "[" and " " not in line and not re.search(r"\][^\]]+$", line):
            self._draft.problem(place, f"{line} is neither a section nor a host")
            return
        words = self._words(line, place)
        if not words:
            return
        variables: dict[str, Located] = {}
        for word in words[1:]:
            name, equals, value = word.partition("=")
            if not equals or not name:
                self._draft.problem(place, f"{word!r} is not of the form name=value")
                return
            variables[name] = literal(value, place)
        for host in self._draft.add_hosts(self._group, words[0], place):
            self._draft.hosts[host].variables.update(variables)

    def _words(self, line: str, place: Place) -> list[str]:
        """Split as a shell does, up to a comment."""
        if not _SPECIAL.search(line):
            return line.split()
        end, quote, at = len(line), "", 0
        while at < end:
            letter = line[at]
            if letter == "\\" and quote != "'":
                at += 1
            elif quote:
                quote = "" if letter == quote else quote
            elif letter in "\"'":
                quote = letter
            elif letter == "#" and line[at - 1].isspace():
                end = at
            elif letter == "#":
                text = "a # within a word would begin a comment: put the value in quotes"
                if not self._draft.loss(Place(place.file, place.line, at + 1), text):
                    return []
                end = at
            at += 1
        try:
            return shlex.split(line[:end])
        except ValueError as error:
            self._draft.problem(place, f"cannot be split into words: {error}")
            return []

    def _child(self, line: str, place: Place) -> None:
        found = _CHILD.fullmatch(line)
        if found is None:
            self._draft.problem(place, f"{line!r} is not the name of a group")
        else:
            self._children.append((self._group, found[1], place))

    def _variable(self, line: str, place: Place) -> None:
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            self._draft.problem(place, f"{line!r} is not of the form name=value")
            return
        said = literal(value.strip(), place)
        self._variables.append((self._group, place, name.strip(), said))

    def _connect(self) -> None:
        """Put groups into each other and variables into groups, once all of them are known."""
        groups = self._draft.groups
        for parent, child, place in self._children:
            if child in groups:
                self._draft.add_child(parent, child, place)
            else:
                hint = nearest(child, groups)
                text = f"there is no group {child}{f', {hint}' if hint else ''}"
                self._draft.problem(place, text)
        for group, place, name, value in self._variables:
            if group in groups:
                groups[group].variables[name] = value
            else:
                hint = nearest(group, groups)
                text = f"[{group}:vars]: there is no such group{f', {hint}' if hint else ''}"
                self._draft.problem(place, text)


def literal(text: str, place: Place) -> Located:
    """
    Read a value as a literal of Python, and as a text if it is none.

    `True`, `5` and `["a"]` have their types, `yes` and `007` are texts: Ansible's ini plugin,
    of the variables of groups too, whatever its manual says.
    """
    if len(text) > LONGEST_LITERAL or (_TEXT.fullmatch(text) and text not in _WORDS):
        return Located(text, place)
    try:
        return _located(ast.literal_eval(text), place, 0)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return Located(text, place)


def _located(value: object, place: Place, depth: int) -> Located:
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, bytes):
        return Located(Unsafe(value.decode("utf-8", "replace")), place)
    if isinstance(value, complex):
        return Located(str(value), place)
    if isinstance(value, list | tuple | set):
        return Located(tuple(_located(part, place, depth + 1) for part in value), place)
    if isinstance(value, dict):
        return Located(
            {key: _located(part, place, depth + 1) for key, part in value.items()}, place
        )
    if value is None or isinstance(value, bool | int | float | str):
        scalar: Scalar = value
        return Located(scalar, place)
    raise ValueError("not a plain value")
