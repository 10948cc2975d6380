"""
Where things were written, so that every complaint can point at a file and a line.

A value from a file is a tree of `Located`. Readers of every format make such trees, and
nothing after them needs to know which format it was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deployer.errors import DeployerError

Steps = tuple[str | int, ...]
"""The keys and positions that lead from a value to a part of it."""
Key = str | int | float | bool | None
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file, and the column where one is known."""

    file: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}:{self.column}" if self.column else where


class Unsafe(str):
    """A text that Jinja2 must leave alone: `!unsafe` in YAML."""

    __slots__ = ()


class Sealed(str):
    """A text of Ansible Vault as it is written: `!vault` in YAML. Opened when it is asked for."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Located:
    """A value and the place where it was written, all the way down."""

    value: "Scalar | tuple[Located, ...] | Mapping[Key, Located]" = field(repr=False)
    place: Place

    def plain(self) -> object:
        """Forget the places: what `yaml.safe_load` would give."""
        if isinstance(self.value, tuple):
            return [part.plain() for part in self.value]
        if isinstance(self.value, Mapping):
            return {key: part.plain() for key, part in self.value.items()}
        return self.value

    def place_of(self, path: Steps) -> Place:
        """Say where a part was written, or the nearest thing around it that was."""
        found = self
        for step in path:
            value = found.value
            if isinstance(value, tuple) and isinstance(step, int):
                value = dict(enumerate(value))
            if not isinstance(value, Mapping) or step not in value:
                break
            found = value[step]
        return found.place


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what was written, and the host that it concerns."""

    place: Place
    text: str
    host: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class InventoryError(DeployerError):
    """What is wrong with the inventory or the variables: everything, not the first thing."""

    def __init__(self, problems: Iterable[Problem], *, hint: str = "") -> None:
        self.problems = tuple(_in_order(dict.fromkeys(problems)))
        super().__init__("\n".join(_lines(self.problems)), hint=hint)


def path_text(path: Steps) -> str:
    """Write a path as people do: `apache_vhosts[0].listen`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort problems as a reader meets them: by line, where one file has several."""
    files: dict[str, list[Problem]] = {}
    for problem in problems:
        files.setdefault(problem.place.file, []).append(problem)
    return [
        problem for found in files.values() for problem in sorted(found, key=lambda one: one.place)
    ]


def _lines(problems: Iterable[Problem]) -> list[str]:
    """Say a thing that concerns many hosts once: it was written once."""
    hosts: dict[tuple[Place, str], list[str]] = {}
    for problem in problems:
        hosts.setdefault((problem.place, problem.text), []).append(problem.host)
    return [f"{place}: {text}{_concerned(names)}" for (place, text), names in hosts.items()]


def _concerned(hosts: list[str]) -> str:
    names = [name for name in hosts if name]
    if not names:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""  # noqa: PLR2004 - the two shown
    return f" ({'host' if len(names) == 1 else 'hosts'} {', '.join(names[:2])}{more})"


class TemplateFailed(Exception):
    """A template that gives no value, and why; `undefined` is the name that nobody has defined."""

    def __init__(self, text: str, *, undefined: str = "") -> None:
        super().__init__(text)
        self.undefined = undefined
