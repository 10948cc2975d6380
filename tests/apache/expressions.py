"""
Who comes in: `Require` in sections, evaluated for one client and one URL as Apache would.

Only what the program writes is known here; anything else is an error.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tests.apache.parser import Directive, word

_TOKEN = re.compile(
    r"\s*(?:(?P<variable>%\{[A-Za-z0-9_]+\})|(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<sign>==|&&|\|\||[(){},]|in\b|-strcmatch\b|-strmatch\b))",
    re.DOTALL,
)
_CONTROL = dict(zip("rntbf", "\r\n\t\b\f", strict=True))


@dataclass(frozen=True, slots=True)
class Text:
    """A text of an expression, decoded."""

    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A client and what it asks for."""

    url: str
    variables: Mapping[str, str]
    """What mod_ssl knows of its certificate; a variable that is not there is empty."""
    logged_in: bool = False


def admits(sections: Sequence[Directive], request: Request) -> bool:
    """Say whether all sections that match a URL agree, as with `AuthMerging And`."""
    return all(
        _any(section.inside, request) for section in sections if _matches(section, request.url)
    )


def texts(sections: Sequence[Directive]) -> Iterator[str]:
    """Find every text that something is compared with."""
    for one in sections:
        yield from texts(one.inside)
        if one.name.lower() == "require" and (expression := _expression(one)) is not None:
            yield from (token.said for token in tokens(expression) if isinstance(token, Text))


@cache
def tokens(expression: str) -> tuple[Text | str, ...]:
    """Cut an expression into texts, variables and signs."""
    found: list[Text | str] = []
    at = 0
    while at < len(expression):
        part = _TOKEN.match(expression, at)
        if part is None:
            raise ValueError(f"what is {expression[at:]!r}?")
        at = part.end()
        found.append(Text(_decoded(part["text"])) if part["text"] else part[0].strip())
    return tuple(found)


def globbed(pattern: str, value: str, *, caseless: bool) -> bool:
    """Compare as `apr_fnmatch`: byte by byte, ASCII letters alone without their case."""
    one, two = pattern.encode(), value.encode()
    return _fits(one.lower(), two.lower()) if caseless else _fits(one, two)


def _decoded(literal: str) -> str:
    """Read a text as Apache's scanner: a backslash protects, and some of them are others."""
    inner = literal[1:-1]
    if "%{" in inner or re.search(r"(?<!\\)\$[0-9]", inner):
        raise ValueError(f"{literal} is interpolated")
    if re.search(r"(?<!\\)(?:\\\\)*\\[0-9]", inner):
        raise ValueError(f"{literal} has an octal number")
    return re.sub(r"\\(.)", lambda found: _CONTROL.get(found[1], found[1]), inner, flags=re.DOTALL)


def _matches(section: Directive, url: str) -> bool:
    (where,) = section.words
    match section.name.lower():
        case "<location":
            return where in {"/", url} or url.startswith(f"{where}/")
        case "<locationmatch":
            return re.search(where, url) is not None
    raise ValueError(section.name)


def _any(requires: Sequence[Directive], request: Request) -> bool:
    """Several bare lines are alternatives."""
    return any(_holds(one, request) for one in requires if _is_requirement(one))


def _is_requirement(one: Directive) -> bool:
    return one.name.lower() in {"require", "<requireall", "<requireany"}


def _holds(one: Directive, request: Request) -> bool:
    match one.name.lower():
        case "<requireall":
            return all(_holds(inner, request) for inner in one.inside)
        case "<requireany":
            return _any(one.inside, request)
    expression = _expression(one)
    if expression is not None:
        return _Evaluation(tokens(expression), request.variables).result()
    if one.arguments != "valid-user":
        raise ValueError(one.arguments)
    return request.logged_in


def _expression(one: Directive) -> str | None:
    kind, rest = word(one.arguments)
    if kind != "expr":
        return None
    # Apache takes the rest of the line as it is, but for quotes around all of it.
    return rest[1:-1] if rest[0] == rest[-1] == '"' else rest


class _Evaluation:
    """A reader of one expression that knows the answer when it is through."""

    def __init__(self, parts: Sequence[Text | str], variables: Mapping[str, str]) -> None:
        self._rest = list(parts)
        self._variables = variables

    def result(self) -> bool:
        answer = self._joined("||", lambda: self._joined("&&", self._one))
        if self._rest:
            raise ValueError(f"left over: {self._rest}")
        return answer

    def _joined(self, sign: str, inner: Callable[[], bool]) -> bool:
        answers = [inner()]
        while self._rest[:1] == [sign]:
            self._rest.pop(0)
            answers.append(inner())
        return any(answers) if sign == "||" else all(answers)

    def _one(self) -> bool:
        if self._rest[0] == "(":
            self._rest.pop(0)
            answer = self._joined("||", lambda: self._joined("&&", self._one))
            self._take(")")
            return answer
        left = self._word()
        match self._rest.pop(0):
            case "==":
                return left == self._word()
            case "-strmatch":
                return globbed(self._word(), left, caseless=False)
            case "-strcmatch":
                return globbed(self._word(), left, caseless=True)
            case "in":
                return left in self._list()
        raise ValueError(self._rest)

    def _list(self) -> list[str]:
        self._take("{")
        listed = [self._word()]
        while self._rest[0] == ",":
            self._rest.pop(0)
            listed.append(self._word())
        self._take("}")
        return listed

    def _word(self) -> str:
        one = self._rest.pop(0)
        if isinstance(one, Text):
            return one.said
        if not one.startswith("%{"):
            raise ValueError(one)
        return self._variables.get(one[2:-1], "")

    def _take(self, sign: str) -> None:
        if (found := self._rest.pop(0)) != sign:
            raise ValueError(f"{found} instead of {sign}")


def _fits(pattern: bytes, value: bytes) -> bool:
    if set(pattern) & set(b"[]\\"):
        raise ValueError(f"{pattern!r} has more than * and ?")
    rule = b"".join({42: b".*", 63: b"."}.get(byte, re.escape(bytes([byte]))) for byte in pattern)
    return re.fullmatch(rule, value, re.DOTALL) is not None
