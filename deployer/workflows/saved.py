"""
Saved plans: what an apply is to do, looked at now and done later, or not at all.

A plan follows from the inventory, the templates, the state, and what hosts have. None of that is
in the file, so there is no secret in it and nothing that could be applied in spite of what has
changed: it names the hosts, with a digest of what was planned for each, and an apply of it plans
again and goes on if that comes out the same.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from deployer import __version__
from deployer.errors import DeployerError
from deployer.workflows.preview import Preview
from deployer.workflows.survey import Surveyed

SCHEMA = 1
_MARK = "deployer_plan"
_SHOWN = 3


class StalePlan(DeployerError):
    """What would be done now is not what was planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A plan that was written to a file."""

    pattern: str
    limit: str | None
    at: str
    """When it was made, as ISO 8601."""
    version: str
    """Of the program that made it."""
    hosts: Mapping[str, str]
    """A digest for each host that was looked at, changing or not."""

    @classmethod
    def of(cls, preview: Preview, *, pattern: str, limit: str | None, now: datetime) -> Self:
        """Take from a preview what has to come out the same again."""
        return cls(
            pattern=pattern,
            limit=limit,
            at=now.isoformat(timespec="seconds"),
            version=__version__,
            hosts={one.target.name: _digest(one) for one in preview.hosts},
        )

    def write(self, path: Path) -> None:
        """Write the file; raise `OSError`."""
        facts = {
            _MARK: SCHEMA,
            "pattern": self.pattern,
            "limit": self.limit,
            "at": self.at,
            "version": self.version,
            "hosts": dict(self.hosts),
        }
        path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    def check(self, preview: Preview) -> None:
        """
        Raise `StalePlan` unless a preview shows what was planned.

        A host that cannot be looked at now is no reason: it is told of, and nothing is done there.
        """
        differing = sorted(
            one.target.name
            for one in preview.hosts
            if self.hosts.get(one.target.name) != _digest(one)
        )
        gone = sorted(
            self.hosts.keys()
            - {one.target.name for one in preview.hosts}
            - {one.host for one in preview.failed}
        )
        if not differing and not gone:
            return
        names = ", ".join((*differing, *gone)[:_SHOWN])
        more = len(differing) + len(gone) - _SHOWN
        raise StalePlan(
            f"the plan of {self.at} is stale for {names}{f' and {more} more' if more > 0 else ''}",
            hint="the inventory, a template, the CA or the host has changed since: plan again",
        )


def read(path: Path) -> Saved | None:
    """
    Read a saved plan; None for anything that is none, a pattern of hosts above all.

    Raises `StalePlan` for one that another version of this program has written.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(facts, dict) or _MARK not in facts:
        return None
    if (facts[_MARK], facts.get("version")) != (SCHEMA, __version__):
        raise StalePlan(
            f"{path} was written by deployer {facts.get('version')}; this is {__version__}",
            hint="plan again",
        )
    return Saved(
        pattern=facts["pattern"],
        limit=facts["limit"],
        at=facts["at"],
        version=facts["version"],
        hosts=facts["hosts"],
    )


def _digest(one: Surveyed) -> str:
    """
    Name what is to be done on a host, and what it was decided on.

    The fencing token is in it: when another run has been there, all may look the same, and be a
    different story.
    """
    changes = [(change.kind.value, change.subject, change.reason) for change in one.plan.changes]
    facts = [one.plan.release.manifest, one.found.current, one.found.fence, changes]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]
