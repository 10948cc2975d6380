"""Expressions and templates of an inventory, evaluated in Jinja2's sandbox."""

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, cast

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from deployer.inventory.place import TemplateFailed

_RESULT = "result"
_UNDEFINED_NAME = re.compile(r"'(\w+)' is undefined")


def evaluate(text: str, scope: Mapping[str, object]) -> object:
    """Evaluate a template over variables; raise `TemplateFailed`."""
    try:
        return _evaluate(text, scope)
    except UndefinedError as error:
        message = str(error.message)
        name = _UNDEFINED_NAME.fullmatch(message)
        raise TemplateFailed(message, undefined=name[1] if name else "") from error
    except TemplateError as error:
        raise TemplateFailed(f"Jinja2 says: {error.message}") from error


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


def _evaluate(text: str, scope: Mapping[str, object]) -> object:
    template, lone = _compile(text)
    names = ChainMap(cast("dict[str, Any]", scope), cast("dict[str, Any]", _environment().globals))
    # Shared: Jinja2 then looks names up in the scope instead of copying all of it.
    context = template.new_context(vars=cast("dict[str, Any]", names), shared=True)
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
    raise TemplateFailed(f"its template gives a {type(value).__name__}, which is not a plain value")
