"""What `deployer.toml` may say."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from deployer.errors import DeployerError, nearest


class ProjectError(DeployerError):
    """There is no project here, or its file says something that it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Commands of the project, each as words; none where there are none."""

    before_run: tuple[str, ...] = ()
    after_run: tuple[str, ...] = ()
    before_batch: tuple[str, ...] = ()
    after_batch: tuple[str, ...] = ()
    before_host: tuple[str, ...] = ()
    after_host: tuple[str, ...] = ()
    timeout: int = 60
    """Seconds in which each of them must have ended."""

    def command(self, name: str) -> tuple[str, ...]:
        """Return the words of one of them."""
        words: tuple[str, ...] = getattr(self, name)
        return words


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Who is told how a run ended."""

    webhook: str = field(default="", repr=False)
    """An URL; whoever knows it may be all that its owner asks for, so it is never shown."""
    header_file: str = ""
    """A file with a header on its first line: `Authorization: Bearer …`."""
    timeout: int = 10
    """Seconds for each of two attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a project. Paths are relative to the directory of the file."""

    inventory: tuple[str, ...] = ("inventories/hosts.yml",)
    state: str = ".deployer"
    known_hosts: tuple[str, ...] = ()
    """Empty: the files that ssh(1) reads."""
    ssh_config: str = ""
    """Empty: the files that ssh(1) reads; `none`: no file at all."""
    transport: Literal["ssh", "openssh"] = "ssh"
    inventory_compat: Literal["strict", "ansible"] = "strict"
    """`ansible`: what Ansible passes over with a warning is no error."""
    forks: int = 50
    keep_runs: int = 500
    """How many runs stay on record."""
    hooks: Hooks = field(default_factory=Hooks)
    notify: Notify = field(default_factory=Notify)


def read_settings(path: Path) -> Settings:
    """Read a file; raise `ProjectError` for a key that nobody knows or a value that cannot be."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path}: {error}") from error
    try:
        return Settings(**_checked(values, _READERS))
    except _Wrong as error:
        raise ProjectError(f"{path}: {error}", hint=error.hint) from error


class _Wrong(Exception):
    def __init__(self, text: str, *, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


_Reader = Callable[[str, object], object]


def _checked(
    values: Mapping[str, object], readers: Mapping[str, _Reader], table: str = ""
) -> dict[str, Any]:
    for key in values:
        if key not in readers:
            raise _Wrong(f"unknown key {table}{key}", hint=nearest(key, readers))
    return {key: readers[key](f"{table}{key}", value) for key, value in values.items()}


def _table(key: str, value: object, readers: Mapping[str, _Reader]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"{key} must be a table: [{key}]")
    return _checked(value, readers, f"{key}.")


def _hooks(key: str, value: object) -> Hooks:
    names = {one.name for one in fields(Hooks)}
    return Hooks(**_table(key, value, dict.fromkeys(names, _command) | {"timeout": _count}))


def _notify(key: str, value: object) -> Notify:
    readers = {"webhook": _webhook, "header_file": _text, "timeout": _count}
    return Notify(**_table(key, value, readers))


def _command(key: str, value: object) -> tuple[str, ...]:
    """Read a command: a list of words as it is, a text for the shell."""
    words = ("sh", "-c", value) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(one, str) for one in words):
        raise _Wrong(f"{key} must be a text for sh -c, or a list of words")
    if not words or not words[0] or any("\0" in one for one in words):
        raise _Wrong(f"{key} names no command")
    return tuple(words)


def _webhook(key: str, value: object) -> str:
    """Read an URL; none of the messages shows it, for it may be a secret."""
    text = _text(key, value)
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError as error:
        raise _Wrong(f"{key} is not an URL") from error
    if url.scheme not in {"http", "https"} or not host or not text.isascii() or " " in text:
        raise _Wrong(f"{key} must be an URL that begins with https://")
    if url.scheme == "http" and not _is_loopback(host):
        raise _Wrong(f"{key} must begin with https://: http:// is for this computer alone")
    if url.username is not None or url.password is not None:
        raise _Wrong(f"{key} must hold no password", hint="header_file names a file with one")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"{key} must be a text")
    return value


def _texts(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _Wrong(f"{key} must be a list of texts")
    return tuple(value)


def _one_of(*words: str) -> Callable[[str, object], str]:
    def read(key: str, value: object) -> str:
        if value not in words:
            raise _Wrong(f"{key} must be {' or '.join(words)}")
        return str(value)

    return read


def _count(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _Wrong(f"{key} must be a whole number from 1")
    return value


_READERS: Mapping[str, _Reader] = {
    "inventory": _texts,
    "state": _text,
    "known_hosts": _texts,
    "ssh_config": _text,
    "transport": _one_of("ssh", "openssh"),
    "inventory_compat": _one_of("strict", "ansible"),
    "forks": _count,
    "keep_runs": _count,
    "hooks": _hooks,
    "notify": _notify,
}
