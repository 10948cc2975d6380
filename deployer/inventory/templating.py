"""
Variables of one host, each resolved when somebody asks for it.

Values are Jinja2 templates over all other variables, as in Ansible: `{{ inventory_hostname
}}.internal` works wherever a value may stand. They run in Jinja2's sandbox, an undefined name
is an error, and whatever goes wrong is reported at the line that says it. Jinja2 itself is in
`expressions`, and is not loaded for an inventory without templates.
"""

from collections.abc import Iterator, Mapping
from typing import cast

from deployer.errors import nearest
from deployer.inventory.place import (
    InventoryError,
    Located,
    Place,
    Problem,
    Sealed,
    Steps,
    TemplateFailed,
    Unsafe,
    path_text,
)
from deployer.inventory.vault import SealedText, Vault

LONGEST_CHAIN = 30  # of variables that name each other; a stack of Python frames stands behind each

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
        except TemplateFailed as error:
            problems.append(self._problem(located, path, self._explained(error)))
        except SealedText as error:
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
        from deployer.inventory.expressions import evaluate

        try:
            return evaluate(text, _Scope(self, chain))
        except TemplateFailed:
            if isinstance(written, Sealed):  # what Jinja2 says may quote it
                raise TemplateFailed("what is encrypted is a template that fails") from None
            raise

    def _problem(self, located: Located, path: Steps, text: str) -> Problem:
        return Problem(located.place, f"{path_text(path)}: {text}", self.host)

    def _explained(self, error: TemplateFailed) -> str:
        hint = nearest(error.undefined, tuple(self)) if error.undefined else ""
        return f"{error}, {hint}" if hint else str(error)


class _Scope(Mapping[str, object]):
    """What a template sees: variables, resolved in the knowledge of who asks."""

    __slots__ = ("_chain", "_variables")

    def __init__(self, variables: Variables, chain: _Chain) -> None:
        self._variables = variables
        self._chain = chain

    def __getitem__(self, name: str) -> object:
        return self._variables.resolve(name, self._chain)

    def __contains__(self, name: object) -> bool:
        return name in self._variables

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


def _stands(text: str) -> bool:
    """Say whether a text is what it says, so that there is nothing to do."""
    return isinstance(text, Unsafe) or not (isinstance(text, Sealed) or _is_template(text))


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text
