"""
Variables of one host, each resolved when somebody asks for it.

Values are Jinja2 templates over all other variables, as in Ansible: `{{ inventory_hostname
}}.internal` works wherever a value may stand. They run in Jinja2's sandbox, an undefined name
is an error, and whatever goes wrong is reported at the line that says it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, cast

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from deployer.errors import nearest
from deployer.inventory.place import (
    InventoryError,
    Located,
    Place,
    Problem,
    Sealed,
    Steps,
    Unsafe,
    path_text,
)
from deployer.inventory.vault import SealedText, Vault

LONGEST_CHAIN = 30  # of variables that name each other; a stack of Python frames stands behind each

_RESULT = "result"
_UNDEFINED_NAME = re.compile(r"'(\w+)' is undefined")
_Chain = tuple[tuple[str, str], ...]


class Variables(Mapping[str, object]):
    """
    The variables of one host by name, with the strongest layer already chosen.

    Reading one resolves it and everything it refers to; `InventoryError` names every part of it
    that cannot be. `written` has them as they stand in the files.
    """

    __slots__ = ("_magic", "_resolved", "_vault", "host", "written")

    def __init__(
        self,
        host: str,
        written: Mapping[str, Located],
        magic: Mapping[str, object],
        vault: Vault | None = None,
    ) -> None:
        self.host = host
        self.written = written
        self._magic = magic
        self._vault = vault or Vault()
        self._resolved: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        return self.resolve(name, ())

    def __contains__(self, name: object) -> bool:
        return name in self._magic or name in self.written

    def __iter__(self) -> Iterator[str]:
        return iter({**self.written, **self._magic})

    def __len__(self) -> int:
        return len({**self.written, **self._magic})

    def place_of(self, name: str, path: Steps = ()) -> Place:
        """Say where a variable, or a part of one, was written."""
        return self.written[name].place_of(path)

    def partly(self, name: str) -> tuple[object, tuple[Problem, ...], frozenset[str]]:
        """
        Resolve one variable as far as it goes.

        Returns it with an empty text in each place that cannot be resolved, the reasons, and
        those places: `apache_vhosts[0].listen`.
        """
        try:
            return self[name], (), frozenset()
        except InventoryError as error:
            failed: set[str] = set()
            value = self._render(self.written[name], (name,), ((self.host, name),), [], failed)
            return value, error.problems, frozenset(failed)

    def resolve(self, name: str, chain: _Chain) -> object:
        """Resolve one variable on behalf of those that led to it."""
        if name in self._magic:
            magic = self._magic[name]
            return _Fleet(magic, chain) if name == "hostvars" else magic
        if name not in self._resolved:
            located = self.written[name]
            chain = self._longer(chain, name, located.place)
            problems: list[Problem] = []
            value = self._render(located, (name,), chain, problems, set())
            if problems:
                raise InventoryError(problems)
            self._resolved[name] = value
        return self._resolved[name]

    def _longer(self, chain: _Chain, name: str, place: Place) -> _Chain:
        if (self.host, name) in chain:
            ring = [*(each for _, each in chain[chain.index((self.host, name)) :]), name]
            text = f"{name}: it refers to itself: {' -> '.join(ring)}"
            raise InventoryError([Problem(place, text, self.host)])
        if len(chain) >= LONGEST_CHAIN:
            text = f"{name}: more than {LONGEST_CHAIN} variables refer to each other in a row"
            raise InventoryError([Problem(place, text, self.host)])
        return (*chain, (self.host, name))

    def _render(
        self,
        located: Located,
        path: Steps,
        chain: _Chain,
        problems: list[Problem],
        failed: set[str],
    ) -> object:
        value = located.value
        if isinstance(value, tuple):
            return [
                self._render(part, (*path, at), chain, problems, failed)
                for at, part in enumerate(value)
            ]
        if isinstance(value, Mapping):
            return {
                key: self._render(part, (*path, str(key)), chain, problems, failed)
                for key, part in value.items()
            }
        if not isinstance(value, str) or _stands(value):
            return value
        try:
            return self._text(value, chain)
        except InventoryError as error:
            problems += error.problems
        except UndefinedError as error:
            problems.append(self._problem(located, path, self._undefined(str(error.message))))
        except TemplateError as error:
            problems.append(self._problem(located, path, f"Jinja2 says: {error.message}"))
        except (_NotPlain, SealedText) as error:
            problems.append(self._problem(located, path, str(error)))
        except RecursionError:
            problems.append(self._problem(located, path, "its template is nested too deeply"))
        except Exception as error:  # noqa: BLE001 - a template can raise whatever a filter raises
            # Without its message: that may quote a secret.
            text = f"its template fails with {type(error).__name__}"
            problems.append(self._problem(located, path, text))
        failed.add(path_text(path))
        return ""

    def _text(self, written: str, chain: _Chain) -> object:
        text = self._vault.open(written) if isinstance(written, Sealed) else written
        if not _is_template(text):
            return text
        try:
            return _evaluate(text, _Scope(self, chain))
        except TemplateError:
            if isinstance(written, Sealed):  # what Jinja2 says may quote it
                raise _NotPlain("what is encrypted is a template that fails") from None
            raise

    def _problem(self, located: Located, path: Steps, text: str) -> Problem:
        return Problem(located.place, f"{path_text(path)}: {text}", self.host)

    def _undefined(self, message: str) -> str:
        name = _UNDEFINED_NAME.fullmatch(message)
        hint = nearest(name[1], tuple(self)) if name else ""
        return f"{message}, {hint}" if hint else message


class _Scope(Mapping[str, object]):
    """What a template sees: variables, resolved in the knowledge of who asks."""

    __slots__ = ("_chain", "_variables")

    def __init__(self, variables: Variables, chain: _Chain) -> None:
        self._variables = variables
        self._chain = chain

    def __getitem__(self, name: str) -> object:
        if name in self._variables:
            return self._variables.resolve(name, self._chain)
        return _environment().globals[name]

    def __contains__(self, name: object) -> bool:
        return name in self._variables or name in _environment().globals

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


class _Fleet(Mapping[str, _Scope]):
    """`hostvars`: the variables of every host, by its name."""

    __slots__ = ("_chain", "_hosts")

    def __init__(self, hosts: object, chain: _Chain) -> None:
        self._hosts = cast("Mapping[str, Variables]", hosts)
        self._chain = chain

    def __getitem__(self, name: str) -> _Scope:
        return _Scope(self._hosts[name], self._chain)

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)


class _NotPlain(Exception):
    """An expression gave something that no file could have said."""


def _stands(text: str) -> bool:
    """Say whether a text is what it says, so that there is nothing to do."""
    return isinstance(text, Unsafe) or not (isinstance(text, Sealed) or _is_template(text))


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    # The same inventory gives the same values, today and tomorrow.
    del environment.filters["random"]
    del environment.globals["lipsum"]
    return environment


@lru_cache(maxsize=4096)
def _compile(text: str) -> tuple[Template, bool]:
    """
    Compile a template, and say whether it is one expression and nothing else.

    Such a one keeps its type, so that `{{ ports }}` is a list and not the text of one: Jinja2's
    own `compile_expression` assigns it to a name in the same way.
    """
    environment = _environment()
    tree = environment.parse(text)
    match tree.body:
        case [nodes.Output(nodes=[nodes.Expr() as expression])] if not isinstance(
            expression, nodes.TemplateData
        ):
            assign = nodes.Assign(nodes.Name(_RESULT, "store"), expression, lineno=1)
            return environment.from_string(nodes.Template([assign], lineno=1)), True
        case _:
            return environment.from_string(tree), False


def _evaluate(text: str, scope: _Scope) -> object:
    template, lone = _compile(text)
    # Shared: Jinja2 then looks names up in the scope instead of copying all of it.
    context = template.new_context(vars=cast("dict[str, Any]", scope), shared=True)
    rendered = "".join(template.root_render_func(context))
    return _plain(context.vars[_RESULT]) if lone else rendered


def _plain(value: object) -> object:
    if isinstance(value, Undefined):
        str(value)  # StrictUndefined says its name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {_plain(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range | Iterator):
        return [_plain(part) for part in value]
    raise _NotPlain(f"its template gives a {type(value).__name__}, which is not a plain value")
