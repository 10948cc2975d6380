"""
What is wrong with a host's variables, in words and with the line that says it.

pydantic knows what is wrong; where it was written is known to the inventory alone.
"""

from collections.abc import Callable, Iterator
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from deployer.errors import nearest
from deployer.inventory.place import InventoryError, Place, Problem, Steps, path_text

Origin = Callable[[Steps], tuple[Steps, Place]]
"""Leads from a field of a model to the variable that decided it, and to its line."""


class SpecError(InventoryError):
    """The variables of a host do not say what it should be."""


def problems_of(
    error: ValidationError, model: type[BaseModel], origin: Origin, host: str
) -> Iterator[Problem]:
    """Say each thing that pydantic found in the words of the inventory."""
    for detail in error.errors():
        path = tuple(detail["loc"])
        shown, place = origin(path)
        text = _words(detail, model, path)
        yield Problem(place, f"{path_text(shown)}: {text}", host)


def _words(detail: ErrorDetails, model: type[BaseModel], path: Steps) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            known = _keys_at(model, path[:-1])
            hint = nearest(str(path[-1]), known)
            return f"unknown key, {hint or 'known are ' + ', '.join(known)}"
        case "missing":
            return "it is missing"
        case "literal_error" | "enum":
            return f"must be {context['expected']}"
        case "value_error":
            return str(context["error"])
        case "model_type" | "model_attributes_type":
            return "must be a mapping"
        case "tuple_type":
            return "must be a list"
        case "string_type":
            return "must be a text: put it in quotes"
    message = detail["msg"].removeprefix("Input should be ")
    return f"must be {message}" if message != detail["msg"] else message.lower()


def _keys_at(model: type[BaseModel], path: Steps) -> tuple[str, ...]:
    for step in path:
        if isinstance(step, str):
            model = next(_models_in(model.model_fields[step].annotation))
    return tuple(model.model_fields)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
