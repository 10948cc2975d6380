"""The project that commands work in: the directory of `deployer.toml`, and what it says."""

import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from deployer.apache.rendering import Templates
from deployer.errors import DeployerError, nearest
from deployer.resources import templates as shipped_templates

FILE = "deployer.toml"
TEMPLATES = "templates"
"""Where a project has templates of its own, by the names of those that they replace."""


class ProjectError(DeployerError):
    """There is no project here, or its file says something that it cannot."""


class Settings(BaseModel):
    """What `deployer.toml` may say. Paths are relative to its directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inventory: tuple[str, ...] = ("inventories/hosts.yml",)
    state: str = ".deployer"
    known_hosts: tuple[str, ...] = ()
    """Empty: the files that ssh(1) reads."""
    ssh_config: str = ""
    """Empty: the files that ssh(1) reads; `none`: no file at all."""
    transport: Literal["ssh", "openssh"] = "ssh"
    forks: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A directory with a `deployer.toml`, and the choices of one command line."""

    root: Path
    inventory: tuple[str, ...]
    """Files, as they would be given with `-i`."""
    state: Path
    known_hosts: tuple[Path, ...]
    ssh_config: str | None = None
    transport: Literal["ssh", "openssh"] = "ssh"
    forks: int

    def templates(self) -> Templates:
        """Read the templates that render what hosts get; those of the project win."""
        shipped, own = shipped_templates(), self.root / TEMPLATES
        # In a checkout of the program they are the same.
        differ = own.resolve() != shipped.resolve()
        return Templates(_texts(shipped), _texts(own) if differ else {}, directory=TEMPLATES)


def _texts(directory: Path) -> dict[str, str]:
    """Read the Apache templates below a directory, by their names."""
    texts = {}
    for path in sorted(directory.glob("apache/*.j2")):
        try:
            texts[str(path.relative_to(directory))] = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ProjectError(f"cannot read {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ProjectError(f"{path} is not UTF-8 text") from error
    return texts


def here() -> Path:
    """Name the directory that we were started in."""
    try:
        return Path.cwd()
    except OSError as error:
        raise ProjectError(
            f"the current directory cannot be found: {error.strerror}", hint="cd to the project"
        ) from error


def find(
    start: Path,
    *,
    inventory: tuple[str, ...] = (),
    state: Path | None = None,
    known_hosts: Path | None = None,
    forks: int | None = None,
) -> Project:
    """
    Find the project of a directory, or of one above it; arguments win over the file.

    Without a `deployer.toml` the directory itself is the project, if an inventory is given.
    """
    root = next((one for one in (start, *start.parents) if _is_there(one / FILE)), None)
    if root is None and not inventory and state is None:
        raise ProjectError(
            f"there is no {FILE} in {start} or above it",
            hint="deployer init makes one; without, --state names the state and -i the inventory",
        )
    settings = _read(root / FILE) if root else Settings()
    root = root or start
    return Project(
        root=root,
        inventory=inventory or tuple(_source(root, one, start) for one in settings.inventory),
        state=state or root / settings.state,
        known_hosts=(known_hosts,)
        if known_hosts
        else tuple(_expanded(root / FILE, root, one) for one in settings.known_hosts),
        ssh_config=_ssh_config(root, settings.ssh_config),
        transport=settings.transport,
        forks=forks or settings.forks,
    )


def _ssh_config(root: Path, named: str) -> str | None:
    """Name the ssh_config of a project, which is beside its file; `none` is no file."""
    if not named or named == "none":
        return named or None
    return str(_expanded(root / FILE, root, named))


def _source(root: Path, one: str, start: Path) -> str:
    """Name an inventory; one with a comma in it is a list of hosts, and no path."""
    return one if "," in one else _shown(root / one, start)


def _shown(path: Path, start: Path) -> str:
    """Name a file as the operator would, from where they are."""
    return str(path.relative_to(start)) if path.is_relative_to(start) else str(path)


def _is_there(path: Path) -> bool:
    """Say whether there is such a file; one that may not be looked for is not nothing."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from error


def _expanded(file: Path, root: Path, path: str) -> Path:
    try:
        return root / Path(path).expanduser()
    except RuntimeError as error:
        raise ProjectError(f"{file}: {path}: there is no such home directory") from error


def _read(path: Path) -> Settings:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path}: {error}") from error
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _explained(path, values, error) from error


def _explained(path: Path, values: Mapping[str, object], error: ValidationError) -> ProjectError:
    unknown = [key for key in values if key not in Settings.model_fields]
    if unknown:
        hint = nearest(unknown[0], Settings.model_fields)
        return ProjectError(f"{path}: unknown key {unknown[0]}", hint=hint)
    first = error.errors()[0]
    return ProjectError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
