"""
Host ranges and ports: `web[01:20].example.com:2222` to names.

The grammar is Ansible's ("Adding ranges of hosts"). What Ansible turns into no host at all
without a word, as `web[5:2]`, is an error here.
"""

import ipaddress
import itertools
import re
import string

MOST_HOSTS = 1_000_000

_RANGE = re.compile(r"\[([^\[\]:]*):([^\[\]:]*)(?::([^\[\]:]*))?\]")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_PORT = re.compile(r"(.*):([^:\[\]]*)", re.DOTALL)
_DIGITS = re.compile(r"[0-9]{1,9}")


class EmptyRange(ValueError):
    """A range that holds nothing."""


def expand(text: str) -> tuple[tuple[str, ...], int | None]:
    """Expand what an inventory calls a host; raises `ValueError` with the reason."""
    name, port = split_port(text)
    parts: list[tuple[str, ...]] = []
    end = 0
    for found in _RANGE.finditer(name):
        parts += [(name[end : found.start()],), _expand_one(*found.groups())]
        end = found.end()
    parts.append((name[end:],))
    count = 1
    for choices in parts:
        count *= len(choices)
    if count > MOST_HOSTS:
        raise ValueError(f"it stands for more than {MOST_HOSTS} hosts")
    names = tuple("".join(chosen) for chosen in itertools.product(*parts))
    for one in names[:1]:  # what a range inserts is letters and digits, so one speaks for all
        check_name(one, "host")
    return names, port


def split_port(text: str) -> tuple[str, int | None]:
    """
    Take a port off a host's name.

    A colon within brackets belongs to a range, and a name with several outside of them is an
    IPv6 address, whose port needs brackets around it.
    """
    if text.startswith("["):
        inner, closed, after = text[1:].rpartition("]")
        if closed and not after and is_ipv6(inner):
            return inner, None
        if closed and after.startswith(":") and (is_ipv6(inner) or ":" not in _unbracket(inner)):
            return inner, _read_port(after[1:])
    found = _PORT.fullmatch(text)
    if found is None or ":" in _unbracket(found[1]):
        return text, None
    return found[1], _read_port(found[2])


def is_ipv6(text: str) -> bool:
    """Say whether a text is an IPv6 address."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def check_name(name: str, kind: str) -> None:
    """
    Refuse a name that could be taken for something else.

    It becomes a file name (`host_vars`, rendered output) and a part of host patterns.
    """
    if not name:
        raise ValueError(f"a {kind} needs a name")
    if not name.isprintable() or any(letter.isspace() for letter in name):
        raise ValueError(f"{name!r} cannot name a {kind}: it has a space or a control character")
    if "/" in name or name in {".", ".."} or name[0] in "-!&~@":
        raise ValueError(f"{name!r} cannot name a {kind}: it reads as a path or as a pattern")
    if any(letter in name for letter in ",[]"):
        raise ValueError(f"{name!r} cannot name a {kind}: it has a comma, or brackets, in it")


def _unbracket(text: str) -> str:
    return _BRACKETS.sub("", text)


def _read_port(text: str) -> int:
    if _DIGITS.fullmatch(text) and 0 < int(text) <= 65535:  # noqa: PLR2004 - the largest port
        return int(text)
    raise ValueError(f"{text!r} is not a port from 1 to 65535")


def _expand_one(begin: str, end: str, step: str | None) -> tuple[str, ...]:
    shown = f"[{begin}:{end}]" if step is None else f"[{begin}:{end}:{step}]"
    if not end:
        raise ValueError(f"the range {shown} has no end")
    if step is not None and (not _DIGITS.fullmatch(step) or int(step) == 0):
        raise ValueError(f"the step of the range {shown} is not a number above 0")
    stride = 1 if step is None else int(step)
    letters = string.ascii_letters
    if len(begin) == len(end) == 1 and begin in letters and end in letters:
        numbers = range(letters.index(begin), letters.index(end) + 1, stride)
        names = tuple(letters[number] for number in numbers)
    else:
        names = _numbers(begin or "0", end, stride, shown)
    if not names:
        raise EmptyRange(f"the range {shown} is empty: it ends before it begins")
    return names


def _numbers(begin: str, end: str, stride: int, shown: str) -> tuple[str, ...]:
    if not _DIGITS.fullmatch(begin) or not _DIGITS.fullmatch(end):
        raise ValueError(f"the range {shown} needs two numbers or two letters")
    padded = len(begin) > 1 and begin.startswith("0")
    if padded and len(begin) != len(end):
        raise ValueError(f"the ends of the range {shown} are of different width")
    width = len(begin) if padded else 0
    numbers = range(int(begin), int(end) + 1, stride)
    if len(numbers) > MOST_HOSTS:
        raise ValueError(f"the range {shown} stands for more than {MOST_HOSTS} hosts")
    return tuple(f"{number:0{width}d}" if width else str(number) for number in numbers)
