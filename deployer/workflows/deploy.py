"""
Deploy one host: stage, rehearse, activate, probe, confirm.

Everything that can fail without harm happens before `activate`. From then on the host itself
holds the undo, and this side only says what it saw.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256

from deployer.apache.compile import Leaf
from deployer.errors import Interrupted, RolledBack
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


def deploy(deployment: Deployment, listen: Listener) -> HostResult:
    """Bring a host to its release, or leave it on the one it had."""
    host, release, switch = deployment.host, deployment.release, deployment.switch

    def step(name: Step) -> AbstractContextManager[Callable[[str], None]]:
        return narrated(host.name, name, listen)

    with step(Step.STAGE):
        directory = verbs.stage(host, release, deployment.found)
    with step(Step.REHEARSE) as say:
        say(verbs.rehearse(host, release, directory))
    try:
        with step(Step.ACTIVATE):
            verbs.activate(host, release, directory, switch)
        with step(Step.PROBE) as say:
            knocks = probe(
                host,
                deployment.expectations,
                deployment.clients,
                timeout=deployment.probe_timeout,
            )
            say(f"{len(knocks)} knocks")
        if problems := [knock for knock in knocks if knock.problem]:
            with step(Step.ROLL_BACK):
                raise _undone(deployment, problems)
        with step(Step.CONFIRM):
            verbs.confirm(host, switch)
    except Interrupted as error:
        hint = (
            f"if it was not confirmed, {host.name} goes back by itself within "
            f"{switch.confirm_timeout} s; deployer status tells"
        )
        raise Interrupted(host.name, error.step, error.cause, hint=hint) from error
    return HostResult(host=host.name, outcome=Outcome.CHANGED, release=release.id)


def expectations(spec: ServerSpec, leaves: Mapping[str, Leaf]) -> tuple[Expectation, ...]:
    """Say how each virtual host should answer; with no leaf, any certificate will do."""
    return tuple(
        Expectation(
            address=vhost.ip or LOOPBACK,
            port=vhost.port,
            server_name=vhost.server_name,
            fingerprint=_fingerprint(leaves.get(vhost.slug)),
            verify=vhost.client_auth.verify,
        )
        for vhost in spec.vhosts
    )


def probe(
    host: Host, wanted: tuple[Expectation, ...], clients: Clients, *, timeout: float
) -> tuple[Knock, ...]:
    """Knock at every virtual host, through the host's own connection."""
    return tuple(
        knock
        for expected in wanted
        for knock in await_content(host.dial, expected, clients, timeout=timeout)
    )


@contextmanager
def narrated(host: str, step: Step, listen: Listener) -> Iterator[Callable[[str], None]]:
    """Tell the listener when a step begins and ends; the block may add a detail."""
    details: list[str] = []
    listen(Event(host=host, step=step, ended=False))
    yield details.append
    listen(Event(host=host, step=step, ended=True, detail=", ".join(details)))


def _undone(deployment: Deployment, problems: list[Knock]) -> Exception:
    why = "; ".join(f"{knock.server_name}: {knock.problem}" for knock in problems)
    verdict = verbs.undo(deployment.host, deployment.switch.token, why)
    # None: the dead-man timer was quicker, and the host is back already.
    return verdict or RolledBack(deployment.host.name, Step.PROBE, why)


def _fingerprint(leaf: Leaf | None) -> bytes | None:
    if leaf is None:
        return None
    certificate, *_ = pem.read_certificates(leaf.fullchain)
    return certificate.fingerprint(SHA256())
