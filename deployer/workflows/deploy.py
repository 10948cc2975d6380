"""
Deploy one host: stage, rehearse, activate, probe, confirm.

Everything that can fail without harm happens before `activate`. From then on the host itself
holds the undo, and this side only says what it saw.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

from deployer.errors import DeployerError, Interrupted, RolledBack, StepFailed
from deployer.fleet.workplace import Workplace
from deployer.host import verbs
from deployer.host.script import Host, Whereabouts
from deployer.host.verbs import Switch
from deployer.observation import Observation
from deployer.probe.verdict import Clients, Expectation, Knock
from deployer.release import Release
from deployer.result import Event, HostResult, Listener, Outcome, Step
from deployer.workflows.knocking import knocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What one host gets, and how to prove that it has it."""

    where: Whereabouts
    found: Observation = field(repr=False)
    release: Release
    expectations: tuple[Expectation, ...]
    clients: Clients
    switch: Switch
    probe_timeout: float = 15.0
    """Seconds until the new release must answer as expected."""
    kept: str = ""
    """
    The directory of a release that lies on the host already, to which it goes back.

    Nothing is brought then, and an Apache that does not run is started with it.
    """
    rehearsal_hints: Mapping[int, str] = field(default_factory=lambda: verbs.REHEARSAL_HINTS)
    """What to do when the rehearsal fails, by the exit status of its script."""

    @property
    def name(self) -> str:
        """The inventory's name of the host."""
        return self.where.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A host on which the release lies ready, rehearsed, and nothing has been switched."""

    deployment: Deployment
    directory: str
    """Where the release lies on the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """The task of bringing a release to a host, as far as nobody notices."""

    deployment: Deployment

    @property
    def host(self) -> str:
        """The inventory's name of the host."""
        return self.deployment.name

    def perform(self, place: Workplace, listen: Listener) -> Prepared:
        """Stage and rehearse; whatever fails here has changed nothing."""
        return prepare(place.host(self.deployment.where), self.deployment, listen)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchTo:
    """The task of switching a host to what lies ready there."""

    prepared: Prepared

    @property
    def host(self) -> str:
        """The inventory's name of the host."""
        return self.prepared.deployment.name

    def perform(self, place: Workplace, listen: Listener) -> HostResult:
        """Activate, prove, and confirm it or have it undone."""
        return switch(place.host(self.prepared.deployment.where), self.prepared, listen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """The task of doing both, one after the other."""

    deployment: Deployment

    @property
    def host(self) -> str:
        """The inventory's name of the host."""
        return self.deployment.name

    def perform(self, place: Workplace, listen: Listener) -> HostResult:
        """Bring the host to its release, or leave it on the one it had."""
        return deploy(place.host(self.deployment.where), self.deployment, listen)


def deploy(host: Host, deployment: Deployment, listen: Listener) -> HostResult:
    """Bring a host to its release, or leave it on the one it had."""
    return switch(host, prepare(host, deployment, listen), listen)


def prepare(host: Host, deployment: Deployment, listen: Listener) -> Prepared:
    """Bring the release to the host and rehearse it; whatever fails here has changed nothing."""
    release = deployment.release
    try:
        directory = deployment.kept or _staged(host, deployment, listen)
        with narrated(host.name, Step.REHEARSE, listen) as say:
            hints = deployment.rehearsal_hints
            say(verbs.rehearse(host, release, directory, deployment.switch, hints=hints))
    except Interrupted as error:
        hint = (
            "nothing was switched: roll back again"
            if deployment.kept
            else "nothing was switched: the old configuration serves; apply again"
        )
        raise StepFailed(host.name, error.step, error.cause, hint=hint) from error
    return Prepared(deployment=deployment, directory=directory)


def _staged(host: Host, deployment: Deployment, listen: Listener) -> str:
    with narrated(host.name, Step.STAGE, listen):
        return verbs.stage(host, deployment.release, deployment.found, deployment.switch)


def switch(host: Host, prepared: Prepared, listen: Listener) -> HostResult:
    """Switch a host to what lies ready there, prove it, and confirm it or have it undone."""
    deployment = prepared.deployment

    def step(name: Step) -> AbstractContextManager[Callable[[str], None]]:
        return narrated(host.name, name, listen)

    try:
        _switch(host, deployment, prepared.directory, step)
    except Interrupted as error:
        hint = (
            f"if it was not confirmed, {host.name} goes back by itself within "
            f"{deployment.switch.confirm_timeout} s; deployer status tells"
        )
        raise Interrupted(host.name, error.step, error.cause, hint=hint) from error
    except DeployerError:
        raise
    except BaseException:
        # A bug of ours, or somebody in a hurry. The timer would undo it; so can we, now.
        with suppress(DeployerError):
            verbs.undo(host, deployment.switch.token, "the controller stopped in the middle")
        raise
    return HostResult(host=host.name, outcome=Outcome.CHANGED, release=deployment.release.id)


Stepper = Callable[[Step], AbstractContextManager[Callable[[str], None]]]


def _switch(host: Host, deployment: Deployment, directory: str, step: Stepper) -> None:
    """Activate, and confirm what a probe finds good. Raises `RolledBack` for the rest."""
    lease = deployment.switch
    with step(Step.ACTIVATE):
        starts = bool(deployment.kept)
        verbs.activate(host, deployment.release, directory, lease, starts=starts)
    try:
        _prove(host, deployment, step)
    except StepFailed as error:
        # The host does not listen to us any more: sudo was taken away, or a disk is read-only.
        raise Interrupted(host.name, error.step, error.cause) from error


def _prove(host: Host, deployment: Deployment, step: Stepper) -> None:
    lease = deployment.switch
    with step(Step.PROBE) as say:
        timeout = deployment.probe_timeout
        found = knocks(host, deployment.expectations, deployment.clients, timeout=timeout)
        made = [knock for site in found for knock in site]
        say(f"{len(made)} knocks")
    if problems := [knock for knock in made if knock.problem]:
        with step(Step.ROLL_BACK):  # which has ended when the host is back, however that was
            verdict = _undone(host, lease, problems)
        raise verdict
    with step(Step.CONFIRM):
        verbs.confirm(host, lease)


@contextmanager
def narrated(host: str, step: Step, listen: Listener) -> Iterator[Callable[[str], None]]:
    """Tell the listener when a step begins and ends; the block may add a detail."""
    details: list[str] = []
    listen(Event(host=host, step=step, ended=False))
    try:
        yield details.append
    except Interrupted as error:
        # A transport knows that the line went dead, and not what it was being used for.
        raise Interrupted(host, step, error.cause, hint=error.hint) from error
    listen(Event(host=host, step=step, ended=True, detail=", ".join(details)))


def _undone(host: Host, lease: Switch, problems: list[Knock]) -> Exception:
    # Three clients that meet one closed port have one problem.
    why = "; ".join(dict.fromkeys(f"{knock.server_name}: {knock.problem}" for knock in problems))
    verdict = verbs.undo(host, lease.token, why)
    # None: the dead-man timer was quicker, and the host is back already.
    return verdict or RolledBack(host.name, Step.PROBE, why)
