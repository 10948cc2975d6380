"""How the options of `Common` come to commands, behind which they stand or before."""

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any

from deployer.cli.options import Common


def shares(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """
    Add shared options to a command, which takes them as its first argument, a `Common`.

    Typer reads a command's signature; this writes one that lists the command's own parameters
    and then the shared ones.
    """
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=field.type,
            default=field.default,
        )
        for field in fields(Common)
        if field.name in names
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            common = Common(**{name: given.pop(name) for name in names})
            command(common, **given)

        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own] + shared
        )
        run.__annotations__ = {one.name: one.annotation for one in (*own, *shared)}
        return run

    return decorate


def hoist(arguments: Sequence[str]) -> list[str]:
    """
    Move shared options that stand before the command behind it, where Typer expects them.

    `deployer -i hosts.yml plan` is what people type who come from Ansible.
    """
    with_value, flags = _spellings()
    leading: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest[0].partition("=")[0]
        short = word if word.startswith("--") else word[:2]
        if short in flags and word == short:
            leading.append(rest.pop(0))
        elif short in with_value:
            leading.append(rest.pop(0))
            complete = "=" in leading[-1] or (not word.startswith("--") and len(word) > len(short))
            if not complete and rest:
                leading.append(rest.pop(0))
        else:
            break
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *leading, *rest[end:]]


def _spellings() -> tuple[frozenset[str], frozenset[str]]:
    with_value: set[str] = set()
    flags: set[str] = set()
    for field in fields(Common):
        (option,) = field.type.__metadata__  # type: ignore[union-attr]
        # Without Annotated a first argument is the default, so that is where Typer puts it.
        first = (option.default,) if isinstance(option.default, str) else ()
        spelt: Iterable[str] = (*first, *(option.param_decls or ()))
        spelt = spelt or (f"--{field.name.replace('_', '-')}",)
        (flags if field.default is False else with_value).update(spelt)
    return frozenset(with_value), frozenset(flags)
