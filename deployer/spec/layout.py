"""Layouts from variables: the name of one that we know, or all fields of another."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, create_model

from deployer.errors import nearest
from deployer.inventory.place import Problem, path_text
from deployer.layouts import LAYOUTS, Layout
from deployer.spec.problems import Origin, SpecError, problems_of
from deployer.spec.text import absolute_path, checked, layout_path

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
    "log_dir": Annotated[str, AfterValidator(layout_path)],
}


def _field(field: Field[Any]) -> Any:
    kind = _NAMED.get(field.name) or _TYPES[field.type]
    return (kind, ... if field.default is MISSING else field.default)


LayoutFields: type[BaseModel] = create_model(
    "LayoutFields",
    __config__=ConfigDict(extra="forbid", frozen=True),
    **{field.name: _field(field) for field in fields(Layout)},
)
"""The fields of a layout as an inventory may write them."""


def read_layout(value: object, origin: Origin, host: str) -> Layout:
    """Read a layout, or raise `SpecError` with everything that is wrong with it."""
    if isinstance(value, str) and value in LAYOUTS:
        return LAYOUTS[value]
    if not isinstance(value, Mapping):
        shown, place = origin(())
        known = ", ".join(LAYOUTS)
        hint = nearest(str(value), LAYOUTS) or f"known are {known}, or a mapping with its fields"
        raise SpecError([Problem(place, f"{path_text(shown)}: no layout {value!r}, {hint}", host)])
    try:
        read = LayoutFields.model_validate(value)
    except ValidationError as error:
        raise SpecError(problems_of(error, LayoutFields, origin, host)) from error
    return Layout(**{field.name: getattr(read, field.name) for field in fields(Layout)})
