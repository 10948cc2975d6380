"""
YAML documents: text to a tree of values that know their lines.

Read from libyaml's events rather than its nodes: composing nodes overflows the C stack on a
deeply nested text and takes the whole process with it. Nothing is ever constructed but plain
values, by the rules of YAML 1.1 that Ansible's inventories follow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from deployer.inventory.place import (
    InventoryError,
    Key,
    Located,
    Place,
    Problem,
    Scalar,
    Sealed,
    Unsafe,
)
from deployer.inventory.sources import SourceFile

DEEPEST = 60
MOST_ALIASED = 1_000_000  # values that aliases may stand for: a few lines can name billions

_YAML = "tag:yaml.org,2002:"
_MERGE = f"{_YAML}merge"
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_resolve: Callable[..., object] = Resolver().resolve
_CONSTRUCTOR = SafeConstructor()
_SCALARS: dict[str, Callable[[yaml.ScalarNode], Scalar]] = {
    f"{_YAML}str": lambda node: node.value,
    f"{_YAML}timestamp": lambda node: node.value,  # a date is a text to us, as Ansible prints it
    f"{_YAML}value": lambda node: node.value,
    _MERGE: lambda node: node.value,
    f"{_YAML}null": lambda _: None,
    f"{_YAML}bool": _CONSTRUCTOR.construct_yaml_bool,
    f"{_YAML}int": _CONSTRUCTOR.construct_yaml_int,
    f"{_YAML}float": _CONSTRUCTOR.construct_yaml_float,
    "!": lambda node: node.value,
    "!unsafe": lambda node: Unsafe(node.value),
    "!vault": lambda node: Sealed(node.value),
    "!vault-encrypted": lambda node: Sealed(node.value),
}


Loss = Callable[[Place, str], bool]
"""Told of what Ansible loses without an error; says whether to do as it does."""


def read_document(source: SourceFile, loss: Loss | None = None) -> Located:
    """
    Read a file that holds one YAML document; an empty one is null.

    `loss` is told of keys that are written twice, which are an error without it.
    """
    try:
        reader = _Reader(source, loss)
        found = reader.document()
    except yaml.YAMLError as error:
        raise InventoryError([_syntax_problem(source, error)]) from error
    except UnicodeEncodeError as error:
        line = source.text.count("\n", 0, error.start) + 1
        problem = Problem(Place(source.path, line), "a character that is not valid Unicode")
        raise InventoryError([problem]) from error
    if reader.problems:
        raise InventoryError(reader.problems)
    return found


def _syntax_problem(source: SourceFile, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    if mark is not None:
        place = Place(source.path, mark.line + 1, mark.column + 1)
    else:
        position = getattr(error, "position", 0)
        place = Place(source.path, source.text.count("\n", 0, position) + 1)
    return Problem(place, f"not valid YAML: {said}")


@dataclass(frozen=True, slots=True)
class _Built:
    located: Located
    size: int = 1
    height: int = 0
    tag: str = ""


class _Reader:
    def __init__(self, source: SourceFile, loss: Loss | None) -> None:
        self.problems: list[Problem] = []
        self._loss = loss or self._refuse
        self._file = source.path
        self._loader = _LOADER(source.text)
        self._anchors: dict[str, _Built | None] = {}
        self._aliased = 0

    def document(self) -> Located:
        self._loader.get_event()  # the stream starts
        if self._loader.check_event(yaml.StreamEndEvent):
            return Located(None, Place(self._file, 1))
        self._loader.get_event()  # the document starts
        built = self._node(0)
        self._loader.get_event()  # the document ends
        after = self._loader.get_event()
        if not isinstance(after, yaml.StreamEndEvent):
            self._problem(after, "a second document: an inventory's file holds one")
        return built.located

    def _node(self, depth: int) -> _Built:
        event = self._loader.get_event()
        if depth > DEEPEST:
            self._stop(event, f"nested more than {DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = None  # not complete: an alias to it would be endless
        if isinstance(event, yaml.ScalarEvent):
            built = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self._sequence(event, depth)
        else:
            built = self._mapping(event, depth)
        if anchor:
            self._anchors[anchor] = built
        return built

    def _alias(self, event: yaml.AliasEvent, depth: int) -> _Built:
        name = str(event.anchor)
        if name not in self._anchors:
            self._stop(event, f"the alias *{name} has no anchor before it")
        built = self._anchors[name]
        if built is None:
            self._stop(event, f"the alias *{name} contains itself")
        self._aliased += built.size
        if self._aliased > MOST_ALIASED:
            self._stop(event, f"aliases stand for more than {MOST_ALIASED} values")
        if depth + built.height > DEEPEST:
            self._stop(event, f"nested more than {DEEPEST} levels deep")
        return built

    def _scalar(self, event: yaml.ScalarEvent) -> _Built:
        tag = str(event.tag or _resolve(yaml.ScalarNode, event.value, event.implicit))
        place = self._place(event)
        construct = _SCALARS.get(tag)
        value: Scalar = None
        if construct is None:
            self.problems.append(Problem(place, _refused_tag(tag)))
        else:
            try:
                value = construct(yaml.ScalarNode(tag, event.value))
                str(value)  # hex can say a number of more digits than Python writes
            except (ValueError, KeyError):
                kind = tag.removeprefix(_YAML)
                self.problems.append(Problem(place, f"it cannot be read as {kind}"))
        return _Built(Located(value, place), tag=tag)

    def _sequence(self, event: yaml.SequenceStartEvent, depth: int) -> _Built:
        self._check_tag(event, "seq")
        parts: list[_Built] = []
        while not self._loader.check_event(yaml.SequenceEndEvent):
            parts.append(self._node(depth + 1))
        self._loader.get_event()
        return _around(Located(tuple(part.located for part in parts), self._place(event)), parts)

    def _mapping(self, event: yaml.MappingStartEvent, depth: int) -> _Built:
        self._check_tag(event, "map")
        own: dict[Key, Located] = {}
        merged: dict[Key, Located] = {}
        parts: list[_Built] = []
        while not self._loader.check_event(yaml.MappingEndEvent):
            named = self._node(depth + 1)
            part = self._node(depth + 1)
            parts += [named, part]
            key, place = named.located.value, named.located.place
            if named.tag == _MERGE:
                self._merge(merged, part.located)
            elif isinstance(key, tuple | Mapping):
                self.problems.append(Problem(place, "a key is one word, not a list or a mapping"))
            elif key in own:
                text = f"{key!r} is written twice, first on line {own[key].place.line}"
                if self._loss(place, text):
                    own[key] = Located(part.located.value, place)
            else:
                own[key] = Located(part.located.value, place)
        self._loader.get_event()
        return _around(Located({**merged, **own}, self._place(event)), parts)

    def _merge(self, merged: dict[Key, Located], source: Located) -> None:
        """Take over what `<<` names; of several mappings, the first to have a key wins."""
        sources = source.value if isinstance(source.value, tuple) else (source,)
        for one in sources:
            if not isinstance(one.value, Mapping):
                self.problems.append(Problem(source.place, "<< takes a mapping, or a list of them"))
                return
            for key, part in one.value.items():
                merged.setdefault(key, part)

    def _check_tag(self, event: yaml.CollectionStartEvent, kind: str) -> None:
        if event.tag not in {None, "!", _YAML + kind}:
            self._problem(event, _refused_tag(event.tag))

    def _refuse(self, place: Place, text: str) -> bool:
        self.problems.append(Problem(place, text))
        return False

    def _place(self, event: yaml.Event) -> Place:
        return Place(self._file, event.start_mark.line + 1 if event.start_mark else 1)

    def _problem(self, event: yaml.Event, text: str) -> None:
        self.problems.append(Problem(self._place(event), text))

    def _stop(self, event: yaml.Event, text: str) -> NoReturn:
        self._problem(event, text)
        raise InventoryError(self.problems)


def _around(located: Located, parts: list[_Built]) -> _Built:
    return _Built(
        located,
        size=1 + sum(part.size for part in parts),
        height=1 + max((part.height for part in parts), default=0),
    )


def _refused_tag(tag: str) -> str:
    return f"the tag {tag.replace(_YAML, '!!')} has no meaning in an inventory"
