"""
Layouts from variables, each the name of one that we know, or the fields of another.

With `like: NAME` only those fields are given that differ from one that we know.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, create_model

from deployer.errors import nearest
from deployer.inventory.place import Problem, Steps, path_text
from deployer.layouts import LAYOUTS, Layout
from deployer.spec.problems import Origin, SpecError, problems_of
from deployer.spec.text import absolute_path, bare_path, checked, layout_path

_Text = Annotated[str, AfterValidator(checked)]
_Path = Annotated[str, AfterValidator(absolute_path)]
_Port = Annotated[int, pydantic.Field(ge=1, le=65535, strict=True)]
_TYPES: dict[object, object] = {
    str: _Path,
    str | None: _Path | None,
    tuple[str, ...]: tuple[_Text, ...],
    tuple[int, ...]: tuple[_Port, ...],
}
_NAMED: dict[str, object] = {
    "name": _Text,
    "group": _Text | None,
    "module_hint": _Text,
    "log_dir": Annotated[str, AfterValidator(layout_path)],
    # `${DEPLOYER_RELEASE}` stands for it in every path of a release, and is no word of its own.
    "config_root": Annotated[str, AfterValidator(bare_path)],
}
LIKE = "like"


def _field(field: Field[Any], base: Layout | None) -> Any:
    kind = _NAMED.get(field.name) or _TYPES[field.type]
    if base is not None:
        return (kind, getattr(base, field.name))
    return (kind, ... if field.default is MISSING else field.default)


@cache
def _model(base: Layout | None) -> type[BaseModel]:
    return create_model(
        "LayoutFields",
        __config__=ConfigDict(extra="forbid", frozen=True),
        **{field.name: _field(field, base) for field in fields(Layout)},
    )


LayoutFields = _model(None)
"""The fields of a layout as an inventory may write them."""


def read_layout(value: object, origin: Origin, host: str) -> Layout:
    """Read a layout, or raise `SpecError` with everything that is wrong with it."""
    if not isinstance(value, Mapping):
        return _named(value, (), origin, host)
    given = dict(value)
    base = _named(given.pop(LIKE), (LIKE,), origin, host) if LIKE in given else None
    model = LayoutFields if base is None else _model(base)
    try:
        read = model.model_validate(given)
    except ValidationError as error:
        raise SpecError(problems_of(error, model, origin, host)) from error
    return Layout(**{field.name: getattr(read, field.name) for field in fields(Layout)})


def _named(value: object, at: Steps, origin: Origin, host: str) -> Layout:
    if isinstance(value, str) and value in LAYOUTS:
        return LAYOUTS[value]
    shown, place = origin(at)
    known = ", ".join(LAYOUTS)
    hint = nearest(str(value), LAYOUTS) or f"known are {known}, or a mapping with its fields"
    raise SpecError([Problem(place, f"{path_text(shown)}: no layout {value!r}, {hint}", host)])
