"""The project that commands work in: the directory of `deployer.toml`, and what it says."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deployer.workflows.settings import Hooks, Notify, ProjectError, Settings, read_settings

FILE = "deployer.toml"


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
    inventory_compat: Literal["strict", "ansible"] = "strict"
    forks: int
    keep_runs: int
    hooks: Hooks
    notify: Notify


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
    settings = read_settings(root / FILE) if root else Settings()
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
        inventory_compat=settings.inventory_compat,
        forks=forks or settings.forks,
        keep_runs=settings.keep_runs,
        hooks=settings.hooks,
        notify=settings.notify,
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
