"""
Quoting: values as arguments of Apache's directives.

The rules are those of Apache's `ap_getword_conf`: between double quotes a backslash protects a
quote or a backslash, and nothing protects from `${` or a newline. So these functions refuse
what Apache cannot say. They are the filters of the templates.
"""

import re

from deployer.errors import DeployerError
from deployer.spec.text import inexpressible, layout_path, unwritable

_PLAIN = re.compile(r"[A-Za-z0-9_/.:*+,=@-]+")
_NAMED_VARIABLE = re.compile(r"\$\{[A-Z][A-Z0-9_]*\}")


class UnsafeArgument(DeployerError):
    """A value that no quoting makes safe in an Apache file."""

    def __init__(self, value: object, why: str) -> None:
        super().__init__(f"{str(value)!r} cannot stand in an Apache file: it {why}")


def argument(value: object) -> str:
    """Write a value as one argument, in quotes only where it needs them."""
    text = _checked(value)
    return text if _PLAIN.fullmatch(text) else quoted(text)


def quoted(value: object) -> str:
    """Write a value as one argument in double quotes."""
    text = _checked(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def path(value: object) -> str:
    """Write a path that may begin with a variable of Apache's: `${APACHE_LOG_DIR}/site.log`."""
    try:
        text = layout_path(str(value))
    except ValueError as error:
        raise UnsafeArgument(value, str(error)) from error
    named = _NAMED_VARIABLE.match(text)
    if named is None:
        return argument(text)
    rest = argument(text[named.end() :]) if named.end() < len(text) else ""
    return f'"{named[0]}{rest[1:]}' if rest.startswith('"') else named[0] + rest


def expression_text(value: object) -> str:
    """
    Write a value as a single-quoted text of an expression, as `Require expr` takes it.

    It takes the rest of its line for the expression, so that nothing is unquoted before. Between
    single quotes a backslash protects whatever follows it, and `%{…}` and `$1` are interpolated
    (manual: expr).
    """
    text = str(value)
    if why := inexpressible(text):
        raise UnsafeArgument(value, why)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def comment(value: object) -> str:
    """Write a text into a comment; a backslash at the end would swallow the next line."""
    text = _checked(value)
    if text.endswith("\\"):
        raise UnsafeArgument(value, "ends with a backslash")
    return text


FILTERS = {
    "arg": argument,
    "quoted": quoted,
    "path": path,
    "expr": expression_text,
    "comment": comment,
}


def _checked(value: object) -> str:
    text = str(value)
    why = unwritable(text)
    if why:
        raise UnsafeArgument(value, why)
    return text
