"""
Claims: one run at a time on a host, and what becomes of what an earlier one left there.

The lease on the host decides. The lock of the state only spares two runs of one project the way
there, and tells this run that every other of the same state has ended.
"""

import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import Locked, NeedsHands
from deployer.host import verbs
from deployer.host.script import Host
from deployer.host.verbs import Switch
from deployer.observation import Observation

WAIT_HINT = "let it finish, or wait for it with --lock-timeout 5m"
_PAUSE = 1.0
"""Seconds between two looks at a host that somebody else holds: it tells nobody when it is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """A run, as hosts come to know it."""

    holder: str = ""
    """Who runs, and what for."""
    origin: str = ""
    """What the tokens of all runs of one state begin with; empty: nothing is known of others."""
    patience: float = 0
    """Seconds for which a host that another run holds is waited for."""

    def left_behind(self, token: str) -> bool:
        """
        Say whether a lease or a switch is an earlier run's of the same state.

        That one is over: one at a time has the state for itself, and this one has it now.
        """
        return bool(self.origin) and token.startswith(self.origin)

    def switch(self, found: Observation, *, confirm_timeout: int) -> Switch:
        """Claim a host as it was found."""
        dead = found.lease is not None and self.left_behind(found.lease.token)
        return Switch(
            token=f"{self.origin}{secrets.token_hex(8)}",
            holder=self.holder,
            fence=found.fence,
            dead=found.lease.token if found.lease and dead else "",
            confirm_timeout=confirm_timeout,
        )


def origin_of(state: Path) -> str:
    """Name a state directory: eight hexadecimal digits that no other has, here or elsewhere."""
    place = f"{socket.gethostname()}\0{state.resolve()}"
    return hashlib.sha256(place.encode()).hexdigest()[:8]


def settled(
    host: Host,
    found: Observation,
    claimant: Claimant,
    look: Callable[[], Observation],
    *,
    gave_up: threading.Event,
) -> Observation:
    """
    Wait for a host that another run holds, and finish what an interrupted one left there.

    `look` observes the host again; what is returned was seen last. A switch past its time means
    that its timer died, with a reboot perhaps, and is undone now. Raises `Locked`, at once when
    `gave_up` is set.
    """
    deadline = time.monotonic() + claimant.patience
    while refusal := _refusal(found, claimant):
        if time.monotonic() >= deadline or gave_up.wait(_PAUSE):
            raise refusal
        found = look()
    if found.pending is None:
        return found
    verdict = verbs.undo(host, found.pending.token, "left behind by an interrupted run")
    # Rolled back is what we asked for here; anything worse is worth stopping for.
    if isinstance(verdict, NeedsHands):
        raise verdict
    return look()


def _refusal(found: Observation, claimant: Claimant) -> Locked | None:
    pending, lease = found.pending, found.lease
    who = lease.holder if lease else "somebody"
    if pending is not None:
        left = pending.deadline - found.clock
        if left <= 0 or pending.undoing or claimant.left_behind(pending.token):
            return None
        return Locked(
            f"an activation by {who} awaits its confirmation",
            hint=f"without one the host undoes it in {left} s; try again then",
        )
    if lease is None or claimant.left_behind(lease.token):
        return None
    silent = max(0, found.clock - lease.heartbeat)
    return Locked(
        f"another run is at work here: held by {who}, last heard of {silent} s ago",
        hint=f"{WAIT_HINT}; if it has died: deployer runs unlock",
    )
