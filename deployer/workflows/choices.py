"""Words of the command line that must be one of a few."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from deployer.errors import UsageError, nearest
from deployer.pki.keys import KeyType

_DIGITS = 8

Choice = TypeVar("Choice", bound=StrEnum)
Value = TypeVar("Value")
LONGEST = timedelta(days=36_500)
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}


def choice(kind: type[Choice], text: str, option: str) -> Choice:
    """Read one of the values of an enumeration."""
    return one_of({one.value: one for one in kind}, text, option)


def authority_key_type(text: str, option: str) -> KeyType:
    """Read the type of an authority's key; RSA with 2048 bits is too little for years."""
    return one_of({one.value: one for one in KeyType if one is not KeyType.RSA2048}, text, option)


def one_of(values: Mapping[str, Value], text: str, option: str) -> Value:
    """Read one of a few words, each with what it stands for."""
    if text not in values:
        hint = nearest(text, values) or f"one of {', '.join(values)}"
        raise UsageError(f"{option}: there is no {text!r}", hint=hint)
    return values[text]


def lifetime(text: str, option: str) -> timedelta:
    """Read a number of days or hours, such as 90d or 12h."""
    number, unit = text[:-1], text[-1:]
    if not number.isascii() or not number.isdecimal() or unit not in UNITS:
        raise UsageError(f"{option}: {text!r} is not a lifetime", hint="write 90d or 12h")
    # So many digits that a number of days would not fit a date are a century as well.
    length = LONGEST + UNITS["d"] if len(number) > _DIGITS else int(number) * UNITS[unit]
    if not length:
        raise UsageError(f"{option}: {text} is over before it begins", hint="write 90d or 12h")
    if length > LONGEST:
        raise UsageError(f"{option}: {text} is more than a century", hint="write 90d or 12h")
    return length
