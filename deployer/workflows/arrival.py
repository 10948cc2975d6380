"""Arrival: a host that was reached and looked at, and whether its Apache is fit for a release."""

from dataclasses import dataclass, field

from deployer.errors import StepFailed
from deployer.layouts import LAYOUTS, Layout
from deployer.observation import Observation
from deployer.platforms import Platform, platform_of
from deployer.release import Release
from deployer.result import Step
from deployer.spec.connection import Connection

DISPENSABLE = frozenset({"http2"})
"""Apache passes over a protocol that no module speaks, and clients take the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What was found on a host, and what a release for it is resolved for."""

    found: Observation = field(repr=False)
    platform: Platform

    @property
    def awaits_install(self) -> bool:
        """Whether Apache, or mod_ssl in a package of its own, is missing and can be installed."""
        existing, layout = self.found.existing, self.platform.layout
        missing = not self.found.apache_version or (
            layout.modules_enabled is None
            and existing is not None
            and "ssl" not in existing.modules
        )
        return missing and bool(layout.install)


def recognised(name: str, wanted: Layout | None, found: Observation) -> Platform:
    """Say what was found, or raise `StepFailed` where it is like nothing that we know."""
    platform = platform_of(found, wanted)
    if platform is None:
        known = ", ".join(LAYOUTS)
        raise StepFailed(
            name,
            Step.OBSERVE,
            f"no layout fits this system, which calls itself {found.system or 'nothing'}",
            hint=f"set mtls_layout to one of {known}, or to a mapping that is like one of them",
        )
    return platform


def fit(arrival: Arrival, connection: Connection, *, must_run: bool = True) -> None:
    """
    Raise `StepFailed` unless Apache is there, runs, and is ours to command.

    Where it need not run, whether it is ours to command shows later.
    """
    found, layout = arrival.found, arrival.platform.layout
    name = connection.name
    if not found.apache_version:
        raise StepFailed(
            name,
            Step.OBSERVE,
            f"Apache is not installed: {layout.httpd[0]} does not run",
            hint=f"{_installing(layout)}, or set mtls_layout to where it is",
        )
    if not must_run:
        return
    if found.apache_pid is None and found.user_id != 0 and connection.become is None:
        raise StepFailed(
            name,
            Step.OBSERVE,
            f"{connection.user or 'your account'} has no power over Apache here",
            hint="set ansible_become: true, or give -b",
        )
    if found.apache_pid is None:
        raise StepFailed(
            name,
            Step.OBSERVE,
            f"Apache is not running: {layout.pid_file} names no server",
            hint=f"start it with {' '.join(layout.start)}, then try again",
        )


def loads(name: str, arrival: Arrival, release: Release) -> None:
    """Raise `StepFailed` for modules that a release needs and that only an administrator loads."""
    existing, layout = arrival.found.existing, arrival.platform.layout
    if layout.modules_enabled is not None or existing is None:
        return
    missing = sorted(set(release.modules) - existing.modules - DISPENSABLE)
    if missing:
        hint = _installing(layout) if "ssl" in missing else layout.module_hint
        cause = f"Apache has not loaded {', '.join(missing)}"
        raise StepFailed(name, Step.OBSERVE, cause, hint=hint)


def _installing(layout: Layout) -> str:
    packages = " and ".join(layout.packages) or "Apache and mod_ssl"
    return (
        f"deployer apply --install installs {packages}" if layout.install else f"install {packages}"
    )
