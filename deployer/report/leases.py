"""Who holds which host."""

from collections.abc import Sequence

from deployer.report import console
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
                one.holder,
                f"{one.silent} s ago",
                "in flight, ends by itself" if one.in_flight else "-",
            )
            for one in leases
        ],
    )
