"""What `deployer.toml` may say."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from deployer.errors import DeployerError, nearest


class ProjectError(DeployerError):
    """There is no project here, or its file says something that it cannot."""


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
        return Settings(**_checked(values))
    except _Wrong as error:
        raise ProjectError(f"{path}: {error}", hint=error.hint) from error


class _Wrong(Exception):
    def __init__(self, text: str, *, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def _checked(values: Mapping[str, object]) -> dict[str, Any]:
    known = {field.name for field in fields(Settings)}
    for key in values:
        if key not in known:
            raise _Wrong(f"unknown key {key}", hint=nearest(key, known))
    return {key: _READERS[key](key, value) for key, value in values.items()}


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


_READERS: Mapping[str, Callable[[str, object], object]] = {
    "inventory": _texts,
    "state": _text,
    "known_hosts": _texts,
    "ssh_config": _text,
    "transport": _one_of("ssh", "openssh"),
    "inventory_compat": _one_of("strict", "ansible"),
    "forks": _count,
}
