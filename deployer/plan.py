"""
Plans: what separates a host from its release, as data.

A plan is computed from what was observed and carried out as it stands. When it is empty, an
apply has nothing to do; that is the whole of the dry run.
"""

from dataclasses import dataclass
from enum import StrEnum

from deployer.observation import Observation
from deployer.release import Release


class Kind(StrEnum):
    """What happens to one file or setting."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between a host and its release."""

    kind: Kind
    subject: str
    """A path in the release, or `module ssl`, `include file`, `reload`."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that has to change on one host, sorted by subject."""

    release: Release
    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)


def plan(release: Release, found: Observation) -> Plan:
    """
    Compare a release with what was found on its host.

    The files themselves are compared and not only the id, so that a file edited by hand
    shows. An activation that nobody confirmed counts as a change: nobody knows whether the
    server runs with what is on the disk.
    """
    changes = [
        *_file_changes(release, found),
        *_module_changes(release, found),
        *_include_changes(release, found),
    ]
    if found.pending is not None:
        reason = "an activation awaits its confirmation, or was left in the middle"
        changes.append(Change(kind=Kind.UPDATE, subject="activation", reason=reason))
    elif not changes and found.current != found.confirmed:
        reason = "the last activation was never confirmed"
        changes.append(Change(kind=Kind.UPDATE, subject="reload", reason=reason))
    return Plan(release=release, changes=tuple(sorted(changes, key=lambda one: one.subject)))


def _file_changes(release: Release, found: Observation) -> list[Change]:
    wanted = {file.path: file for file in release.files}
    changes = [
        Change(kind=Kind.CREATE, subject=path) for path in wanted.keys() - found.files.keys()
    ]
    changes += [
        Change(kind=Kind.DELETE, subject=path) for path in found.files.keys() - wanted.keys()
    ]
    for path in wanted.keys() & found.files.keys():
        if wanted[path].digest != found.files[path].digest:
            changes.append(Change(kind=Kind.UPDATE, subject=path, reason=_edited(path, found)))
        elif wanted[path].mode != found.files[path].mode:
            reason = f"mode {found.files[path].mode:04o}, not {wanted[path].mode:04o}"
            changes.append(Change(kind=Kind.UPDATE, subject=path, reason=reason))
    return changes


def _edited(path: str, found: Observation) -> str:
    known = f" {found.files[path].digest} {path}\n"
    return "" if known in found.manifest else "edited on the host"


def _module_changes(release: Release, found: Observation) -> list[Change]:
    # A layout without module directories reports none: there they are the administrator's.
    if not found.modules:
        return []
    missing = sorted(set(release.modules) - found.modules)
    return [Change(kind=Kind.CREATE, subject=f"module {module}") for module in missing]


def _include_changes(release: Release, found: Observation) -> list[Change]:
    include = release.file("include.conf").digest
    if found.includes == {release.include: include}:
        return []
    kind = Kind.UPDATE if found.includes else Kind.CREATE
    return [Change(kind=kind, subject=f"include file {release.include}")]
