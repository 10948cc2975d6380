"""Words of the command line that must be one of a few."""

from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from deployer.errors import UsageError, nearest

Choice = TypeVar("Choice", bound=StrEnum)
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}


def choice(kind: type[Choice], text: str, option: str) -> Choice:
    """Read one of the values of an enumeration."""
    values = [one.value for one in kind]
    if text not in values:
        hint = nearest(text, values) or f"one of {', '.join(values)}"
        raise UsageError(f"{option}: there is no {text!r}", hint=hint)
    return kind(text)


def lifetime(text: str, option: str) -> timedelta:
    """Read a number of days or hours, such as 90d or 12h."""
    number, unit = text[:-1], text[-1:]
    if not number.isascii() or not number.isdecimal() or unit not in UNITS:
        raise UsageError(f"{option}: {text!r} is not a lifetime", hint="write 90d or 12h")
    return int(number) * UNITS[unit]
