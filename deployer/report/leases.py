"""Who holds which host."""

from collections.abc import Mapping, Sequence

from deployer.report import console
from deployer.workflows.holding import Hold
from deployer.workflows.unlocking import Held


def show(leases: Sequence[Held]) -> None:
    """Print one line a host that is held."""
    if not leases:
        console.note("no run holds any of these hosts")
        return
    console.table(
        ("HOST", "HELD BY", "HEARD OF", "SWITCH"),
        [
            (
                one.name,
                one.hold.holder,
                f"{one.hold.silent} s ago",
                "in flight, ends by itself" if one.hold.in_flight else "-",
            )
            for one in leases
        ],
    )


def tell(holds: Mapping[str, Hold]) -> None:
    """Say in a line each which hosts are held: nothing is wrong with them."""
    for name, hold in sorted(holds.items()):
        console.note(f"{name}: held by {hold.holder}, last heard of {hold.silent} s ago")


def facts(hold: Hold | None) -> dict[str, object] | None:
    """Say the same to programs."""
    if hold is None:
        return None
    return {"by": hold.holder, "silent": hold.silent, "in_flight": hold.in_flight}
