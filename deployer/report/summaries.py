"""The summary of a run, for programs that are told of it."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from deployer import __version__
from deployer.report.console import SCHEMA
from deployer.result import HostResult
from deployer.workflows.around import Failure


def summary(
    *,
    number: int,
    command: str,
    operator: str,
    began: datetime,
    ended: datetime,
    status: int,
    outcome: str,
    results: Collection[HostResult],
    failures: Iterable[Failure],
) -> dict[str, object]:
    """Say who did what, when, and what became of each host. There is no secret in it."""
    return {
        "event": "summary",
        "schema": SCHEMA,
        "deployer": __version__,
        "run": number,
        "command": command,
        "operator": operator,
        "began": began.isoformat(timespec="milliseconds"),
        "ended": ended.isoformat(timespec="milliseconds"),
        "status": status,
        "outcome": outcome,
        "counts": dict(sorted(Counter(one.outcome.value for one in results).items())),
        "hosts": [
            {
                "host": one.host,
                "outcome": one.outcome.value,
                "release": one.release or None,
                "summary": one.summary,
            }
            for one in sorted(results, key=lambda one: one.host)
        ],
        "hooks": [{"hook": one.hook, "host": one.host, "problem": one.problem} for one in failures],
    }
