"""Host keys of hosts that are new: asked for, shown, and recorded once somebody has agreed."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from deployer.errors import DeployerError, Unreachable
from deployer.result import HostResult
from deployer.spec.connection import Connection
from deployer.transport.known_hosts import HostKey, Verdict
from deployer.transport.recording import recorded_name, remember
from deployer.transport.revoked import revoked_keys
from deployer.transport.route import Route
from deployer.transport.ssh import Connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The keys that a host has shown to us, and what was known of it before."""

    route: Route
    keys: tuple[HostKey, ...]
    verdicts: tuple[Verdict, ...]
    """One for each key."""
    vouched_for: bool = False
    """Whether an authority vouches for it: then none of its keys is believed by itself."""

    @property
    def is_new(self) -> bool:
        """Whether nothing is known of the host."""
        return set(self.verdicts) == {Verdict.UNKNOWN} and not self.vouched_for

    @property
    def is_wrong(self) -> bool:
        """Whether the host is not the one that known_hosts has, or is not to be trusted."""
        known = Verdict.TRUSTED in self.verdicts
        return Verdict.REVOKED in self.verdicts or (Verdict.CHANGED in self.verdicts and not known)

    @property
    def name(self) -> str:
        """The name under which the keys are recorded."""
        return recorded_name(self.route)


def stages(ways: Sequence[Connection], ssh: Connections) -> Iterator[tuple[Route, ...]]:
    """
    Settle what is to be asked for its keys, in an order in which it can be reached.

    Jump hosts come before the hosts behind them: until their keys are known, nothing goes through.
    Nothing is asked here. Raises `Unreachable` for a way that cannot be settled.
    """
    routes = [ssh.route(way) for way in ways if way.way != "local"]
    chains = [(*(replace(hop, name=hop.address) for hop in ssh.hops(one)), one) for one in routes]
    seen: set[str] = set()
    for depth in range(max(map(len, chains), default=0)):
        stage: dict[str, Route] = {}
        for chain in chains:
            if depth < len(chain):
                stage.setdefault(recorded_name(chain[depth]), chain[depth])
        yield tuple(route for name, route in stage.items() if name not in seen)
        seen |= set(stage)


def look(
    routes: Iterable[Route], ssh: Connections, *, forks: int
) -> tuple[tuple[Shown, ...], tuple[HostResult, ...]]:
    """Ask hosts for their keys; return what they showed, and those that could not be asked."""
    shown: list[Shown] = []
    failed: list[HostResult] = []

    def ask(route: Route) -> Shown | HostResult:
        try:
            return show(route)
        except DeployerError as error:
            return HostResult.of_error(route.name, error)

    def show(route: Route) -> Shown:
        known = ssh.known_hosts(route).lookup(route.known_as, route.recorded_port)
        revoked = revoked_keys(route)
        keys = ssh.keys(route)
        return Shown(
            route=route,
            keys=keys,
            verdicts=tuple(
                Verdict.REVOKED if key.blob in revoked else known.judge(key) for key in keys
            ),
            vouched_for=bool(known.authorities),
        )

    with ThreadPoolExecutor(max_workers=forks) as pool:
        for result in pool.map(ask, routes):
            if isinstance(result, HostResult):
                failed.append(result)
            else:
                shown.append(result)
    return (
        tuple(sorted(shown, key=lambda one: one.route.name)),
        tuple(sorted(failed, key=lambda one: one.host)),
    )


def record(shown: Iterable[Shown], ssh: Connections) -> None:
    """Write the keys of new hosts behind those that are known."""
    for one in shown:
        remember(ssh.known_hosts(one.route).home, [(one.route, key) for key in one.keys])
    ssh.forget()


def refusal(shown: Shown, ssh: Connections) -> HostResult:
    """Say what to do about a host that is not the one that known_hosts has."""
    revoked = Verdict.REVOKED in shown.verdicts
    home = ssh.known_hosts(shown.route).home
    error = Unreachable(
        shown.route.name,
        "host key",
        "one of its keys is marked as revoked"
        if revoked
        else "its keys are not those that known_hosts has",
        hint="do not trust that machine; give the host a new key"
        if revoked
        else "somebody may be in between; if the host was rebuilt: "
        f"ssh-keygen -R '{shown.name}' -f {home}",
    )
    return HostResult.of_error(shown.route.name, error)
