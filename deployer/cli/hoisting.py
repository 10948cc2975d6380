"""Shared options that stand before the command, as people type them who come from Ansible."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

from deployer.cli.options import Common


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
