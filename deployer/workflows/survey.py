"""
Survey: reach every host once, look at it, and say what would have to change.

This is the whole of a dry run, and the first half of an apply.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from deployer.apache.compile import compile_release
from deployer.apache.rendering import Templates
from deployer.errors import DeployerError
from deployer.fleet.executor import Executor, with_lull
from deployer.host.script import Whereabouts
from deployer.observation import Observation
from deployer.pki.material import Problem
from deployer.plan import Plan, plan
from deployer.platforms import Platform
from deployer.result import Listener
from deployer.spec.connection import Connection
from deployer.spec.server import ServerSpec
from deployer.store.state import Store
from deployer.workflows import credentials, leaves
from deployer.workflows.arrival import Arrival, fit, loads
from deployer.workflows.checks import supplied_problems
from deployer.workflows.claims import Claimant
from deployer.workflows.credentials import Credentials
from deployer.workflows.leaves import Decision
from deployer.workflows.material import material_of
from deployer.workflows.observing import Observe
from deployer.workflows.supplies import Supplies, SupplyReader
from deployer.workflows.trust import admitting_ours, crls_due

Renewed = Literal["leaf", "crl"]
"""What can be issued again: the certificates of servers and of their identities, or the lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A host as the inventory describes it: the way there, and what it should serve."""

    connection: Connection
    spec: ServerSpec

    @property
    def name(self) -> str:
        """The inventory's name of the host."""
        return self.spec.host


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """A host that was reached, what was found there, and what separates it from its release."""

    target: Target
    found: Observation = field(repr=False)
    platform: Platform
    decision: Decision
    credentials: Credentials
    """What happens to the identities that its sites show to backends."""
    plan: Plan
    supplies: Supplies = field(repr=False)
    problems: Mapping[str, tuple[Problem, ...]]
    """What is wrong with certificates and lists that others supply, by the slug of the site."""
    admits: frozenset[str]
    """The slugs of the sites that let in clients of ours."""

    @property
    def where(self) -> Whereabouts:
        """The way to the host, and where its Apache lives."""
        return Whereabouts(connection=self.target.connection, layout=self.platform.layout)

    @property
    def clock(self) -> datetime:
        """The time on the host."""
        return datetime.fromtimestamp(self.found.clock, UTC)


Seen = tuple[Target, Surveyed | DeployerError]
"""A host that was looked at, or why it could not be."""


class Survey:
    """A look at many hosts, and at what separates each from its release."""

    def __init__(
        self,
        executor: Executor,
        store: Store,
        templates: Templates,
        *,
        now: datetime,
        root: Path,
        texts: bool = False,
        claimant: Claimant | None = None,
        installs: bool = False,
        anew: Collection[Renewed] = (),
        hangs_up: bool = False,
    ) -> None:
        """
        Begin a run in the project directory `root`.

        With a `claimant` hosts that another run holds are waited for, and what an interrupted one
        left is finished first. `installs`: install Apache and mod_ssl where they are missing. With
        neither nothing is changed. `anew` is what is to be issued again although it is good;
        `hangs_up`: nothing follows the look.
        """
        self._executor = executor
        self._store = store
        self._templates = templates
        self._now = now
        self._root = root
        self._texts = texts
        self._claimant = claimant
        self._installs = installs
        self._anew = anew
        self._hangs_up = hangs_up
        self._stale = crls_due(store, now, anew="crl" in anew)

    def of(self, targets: Iterable[Target], *, forks: int, listen: Listener) -> Iterator[Seen]:
        """
        Look at hosts, each with one connection and one round trip.

        The files of the project come first: a host for which they will not do is not connected
        to, and the others go on.
        """
        for seen in self.with_lull(targets, forks=forks, listen=listen, lull=None):
            if seen is not None:
                yield seen

    def with_lull(
        self, targets: Iterable[Target], *, forks: int, listen: Listener, lull: float | None
    ) -> Iterator[Seen | None]:
        """Do the same, and yield None once if the last of them keep the others waiting."""
        supplies: dict[str, Supplies] = {}
        ready: dict[str, Target] = {}
        reader = SupplyReader(self._root)
        for target in targets:
            try:
                supplies[target.name] = reader.read([target.spec])
            except DeployerError as error:
                yield target, error
            else:
                ready[target.name] = target
        tasks = map(self._look_at, ready.values())
        for landed in with_lull(self._executor, tasks, forks=forks, listen=listen, lull=lull):
            if landed is None:
                yield None
                continue
            task, result = landed
            target = ready[task.host]
            if isinstance(result, DeployerError):
                yield target, result
            else:
                yield target, self._compare(target, result, supplies[target.name])

    def _look_at(self, target: Target) -> Observe:
        watched = dict.fromkeys(vhost.certificate.on_host for vhost in target.spec.vhosts)
        return Observe(
            connection=target.connection,
            layout=target.spec.layout,
            watched=tuple(one for one in watched if one is not None),
            texts=self._texts,
            claimant=self._claimant,
            installs=self._installs,
            hangs_up=self._hangs_up,
        )

    def _compare(
        self, target: Target, seen: Arrival, supplies: Supplies
    ) -> Surveyed | DeployerError:
        spec, found, platform = target.spec, seen.found, seen.platform
        try:
            fit(seen, target.connection)
            anew = "leaf" in self._anew
            decision = leaves.decide(spec, found, self._store, supplies, self._now, anew=anew)
            identities = credentials.decide(spec, found, self._store, self._now, anew=anew)
            material = material_of(
                spec,
                decision.preview(),
                identities.preview(),
                self._store,
                supplies,
                now=self._now,
                stale=self._stale,
            )
            release = compile_release(spec, platform, material, self._templates)
            loads(target.name, seen, release)
        except DeployerError as error:
            return error
        return Surveyed(
            target=target,
            found=found,
            platform=platform,
            decision=decision,
            credentials=identities,
            plan=plan(release, found),
            supplies=supplies,
            admits=admitting_ours(spec, self._store, material.trust),
            problems=supplied_problems(
                spec, supplies, found, datetime.fromtimestamp(found.clock, UTC)
            ),
        )
