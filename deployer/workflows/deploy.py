"""
Deploy one host: stage, rehearse, activate, probe, confirm.

Everything that can fail without harm happens before `activate`. From then on the host itself
holds the undo, and this side only says what it saw.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from cryptography.hazmat.primitives.hashes import SHA256

from deployer.apache.material import Leaf
from deployer.errors import DeployerError, Interrupted, RolledBack, StepFailed
from deployer.host import verbs
from deployer.host.script import Host
from deployer.host.verbs import Switch
from deployer.observation import Observation
from deployer.pki import pem
from deployer.probe.verdict import Clients, Expectation, Knock, await_content
from deployer.release import Release
from deployer.result import Event, HostResult, Listener, Outcome, Step
from deployer.spec.server import ServerSpec

LOOPBACK = "127.0.0.1"
MOST_ADDRESSES = 8
"""A host full of containers has hundreds, and nobody outside reaches them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What one host gets, and how to prove that it has it."""

    host: Host
    found: Observation = field(repr=False)
    release: Release
    expectations: tuple[Expectation, ...]
    clients: Clients
    switch: Switch
    probe_timeout: float = 15.0
    """Seconds until the new release must answer as expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A host on which the release lies ready, rehearsed, and nothing has been switched."""

    deployment: Deployment
    directory: str
    """Where the release lies on the host."""

    @property
    def name(self) -> str:
        """The inventory's name of the host."""
        return self.deployment.host.name


def deploy(deployment: Deployment, listen: Listener) -> HostResult:
    """Bring a host to its release, or leave it on the one it had."""
    return switch(prepare(deployment, listen), listen)


def prepare(deployment: Deployment, listen: Listener) -> Prepared:
    """Bring the release to the host and rehearse it; whatever fails here has changed nothing."""
    host, release = deployment.host, deployment.release
    try:
        with narrated(host.name, Step.STAGE, listen):
            directory = verbs.stage(host, release, deployment.found, deployment.switch)
        with narrated(host.name, Step.REHEARSE, listen) as say:
            say(verbs.rehearse(host, release, directory, deployment.switch))
    except Interrupted as error:
        hint = "nothing was switched: the old configuration serves; apply again"
        raise StepFailed(host.name, error.step, error.cause, hint=hint) from error
    return Prepared(deployment=deployment, directory=directory)


def switch(prepared: Prepared, listen: Listener) -> HostResult:
    """Switch a host to what lies ready there, prove it, and confirm it or have it undone."""
    deployment = prepared.deployment
    host, release = deployment.host, deployment.release

    def step(name: Step) -> AbstractContextManager[Callable[[str], None]]:
        return narrated(host.name, name, listen)

    try:
        _switch(deployment, prepared.directory, step)
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
    return HostResult(host=host.name, outcome=Outcome.CHANGED, release=release.id)


Stepper = Callable[[Step], AbstractContextManager[Callable[[str], None]]]


def _switch(deployment: Deployment, directory: str, step: Stepper) -> None:
    """Activate, and confirm what a probe finds good. Raises `RolledBack` for the rest."""
    host, switch = deployment.host, deployment.switch
    with step(Step.ACTIVATE):
        verbs.activate(host, deployment.release, directory, switch)
    try:
        _prove(deployment, step)
    except StepFailed as error:
        # The host does not listen to us any more: sudo was taken away, or a disk is read-only.
        raise Interrupted(host.name, error.step, error.cause) from error


def _prove(deployment: Deployment, step: Stepper) -> None:
    host, switch = deployment.host, deployment.switch
    with step(Step.PROBE) as say:
        timeout = deployment.probe_timeout
        knocks = probe(host, deployment.expectations, deployment.clients, timeout=timeout)
        say(f"{len(knocks)} knocks")
    if problems := [knock for knock in knocks if knock.problem]:
        with step(Step.ROLL_BACK):
            raise _undone(deployment, problems)
    with step(Step.CONFIRM):
        verbs.confirm(host, switch)


def expectations(
    spec: ServerSpec,
    leaves: Mapping[str, Leaf],
    found: Observation,
    *,
    admits: Collection[str],
) -> tuple[Expectation, ...]:
    """
    Say how each virtual host should answer; with no leaf, any certificate will do.

    A site on all addresses is looked for on each of the host's own: a virtual host of somebody
    else's on one of them would answer in its place there, and let anybody in. `admits` has the
    slugs of those that let in clients of ours.
    """
    others = tuple(one for one in found.addresses if not ip_address(one).is_loopback)
    return tuple(
        Expectation(
            address=vhost.ip or LOOPBACK,
            own_addresses=() if vhost.ip else others[:MOST_ADDRESSES],
            port=vhost.port,
            server_name=vhost.server_name,
            aliases=vhost.names[1:],
            fingerprint=_fingerprint(leaves.get(vhost.slug)),
            verify=vhost.client_auth.verify,
            admits_ours=vhost.slug in admits,
        )
        for vhost in spec.vhosts
    )


def probe(
    host: Host, wanted: tuple[Expectation, ...], clients: Clients, *, timeout: float
) -> tuple[Knock, ...]:
    """Knock at every virtual host through the host's own connection, each at least once."""
    deadline = time.monotonic() + timeout
    return tuple(
        knock
        for expected in wanted
        for knock in await_content(
            host.dial, expected, clients, timeout=max(0, deadline - time.monotonic())
        )
    )


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


def _undone(deployment: Deployment, problems: list[Knock]) -> Exception:
    # Three clients that meet one closed port have one problem.
    why = "; ".join(dict.fromkeys(f"{knock.server_name}: {knock.problem}" for knock in problems))
    verdict = verbs.undo(deployment.host, deployment.switch.token, why)
    # None: the dead-man timer was quicker, and the host is back already.
    return verdict or RolledBack(deployment.host.name, Step.PROBE, why)


def _fingerprint(leaf: Leaf | None) -> bytes | None:
    if leaf is None:
        return None
    certificate, *_ = pem.read_certificates(leaf.fullchain)
    return certificate.fingerprint(SHA256())
