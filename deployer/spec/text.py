"""
What a text may hold so that Apache's files can say it.

Some texts cannot be quoted away: a newline starts a directive, `${` is expanded even between
quotes and knows no escape, NUL ends the line for Apache. They are refused where the variable
is read, and once more where the file is written.
"""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAMED_VARIABLE = re.compile(r"\$\{[A-Z][A-Z0-9_]*\}")
_BARE_PATH = re.compile(r"/[A-Za-z0-9/._~@:+,=-]*")
# Apache reads the first word of a line without its quotes, and what it says then counts.
_SECTION = re.compile(r"\s*[\"']?<(/?)\s*([A-Za-z]*)")
_NAMED_BY_VARIABLE = re.compile(r"[^\s#]*\$\{")
_LONGEST_EXPRESSED = 8191  # `MAX_STRING_LEN` of Apache's scanner, without the NUL
_AWKWARD_IN_PATHS = "<>\"'*?[]"


def unwritable(text: str) -> str:
    """Say why no Apache file can hold a text, or nothing."""
    if not text:
        return "is empty"
    if not text.isprintable():
        if _CONTROL.search(text):
            return "contains a line break or another control character"
        return "contains a character that cannot be seen"
    if "${" in text:
        return "contains ${, which Apache would expand"
    return ""


def inexpressible(text: str) -> str:
    """
    Say why no text of an Apache expression can hold a text, or nothing.

    `%{…}` and `$1` are expanded in such a text, and know no escape (manual: expr).
    """
    if "%{" in text or re.search(r"\$[0-9]", text):
        return "contains %{ or a back reference, which Apache would expand"
    why = unwritable(text)
    if not why and len(text.encode()) > _LONGEST_EXPRESSED:
        return f"is longer than {_LONGEST_EXPRESSED} bytes"
    return why


def checked(text: str) -> str:
    """Pass a text on, or raise `ValueError`."""
    why = unwritable(text)
    if why:
        raise ValueError(why)
    return text


def absolute_path(text: str) -> str:
    """
    Check a path on the host, and take a slash off its end.

    Apache matches `<Directory>` with wildcards, and reads quotes and angle brackets as its own.
    """
    checked(text)
    if not text.startswith("/"):
        raise ValueError("is not an absolute path")
    if ".." in text.split("/") or "//" in text:
        raise ValueError("has .. or an empty part in its path")
    if not set(text).isdisjoint(_AWKWARD_IN_PATHS):
        raise ValueError(f"has one of {_AWKWARD_IN_PATHS} in its path")
    if text.endswith("\\"):
        raise ValueError("ends with a backslash")
    return text.rstrip("/") or "/"


def layout_path(text: str) -> str:
    """Check a path that may begin with one of Apache's own variables: `${APACHE_LOG_DIR}`."""
    named = _NAMED_VARIABLE.match(text)
    if named is None:
        return absolute_path(text)
    rest = text[named.end() :]
    return named[0] + (absolute_path(rest) if rest not in {"", "/"} else "")


def bare_path(text: str) -> str:
    """Check a path that Apache is to read without quotes: where a variable stands for it."""
    path = absolute_path(text)
    if not _BARE_PATH.fullmatch(path):
        raise ValueError("has something else than letters, digits and ._~@:+,=- in its path")
    return path


def raw_lines(text: str) -> str:
    """
    Check lines that go into a virtual host as they are: they must not end it.

    A backslash at the end of a line joins it with the next, so that is done first, as Apache
    does, and a tag cannot hide on two lines.
    """
    if any(not letter.isprintable() and letter not in "\n\t" for letter in text):
        raise ValueError("contains a control character")
    if text.rstrip("\n").endswith("\\"):
        raise ValueError("ends with a backslash, which would swallow the line after it")
    open_sections: list[str] = []
    for line in text.replace("\\\n", "").splitlines():
        if _NAMED_BY_VARIABLE.match(line.lstrip()):
            raise ValueError("has a directive whose name is a variable, which may be any")
        found = _SECTION.match(line)
        if found is None:
            continue
        name = found[2].lower()
        if name == "virtualhost":
            raise ValueError("must not begin or end a virtual host: it is inside of one")
        if not found[1]:
            open_sections.append(name)
        elif not open_sections or open_sections.pop() != name:
            raise ValueError(f"ends a section that it did not begin: </{found[2]}>")
    if open_sections:
        raise ValueError(f"begins a section that it does not end: <{open_sections[-1]}>")
    return text.strip("\n")
