"""Holding: who is at work on a host, as far as the host can tell."""

from dataclasses import dataclass

from deployer.observation import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The right of a run to change a host, seen by somebody else."""

    holder: str
    """Who it is, and what for."""
    silent: int
    """Seconds since that run was last heard of."""
    in_flight: bool
    """Whether a switch awaits its confirmation: that ends by itself, and is not for breaking."""


def hold_on(found: Observation) -> Hold | None:
    """Say who holds a host that was observed; None: nobody does."""
    if found.lease is None:
        return None
    return Hold(
        holder=found.lease.holder,
        silent=max(0, found.clock - found.lease.heartbeat),
        in_flight=found.pending is not None,
    )
