"""Runs that were: one a line, or one with what became of each host."""

from collections import Counter
from collections.abc import Iterable

from deployer.report import console
from deployer.result import Event
from deployer.store.runs import Past


def show_list(runs: Iterable[Past]) -> None:
    """Print one line a run."""
    console.table(
        ("RUN", "BEGUN", "BY", "COMMAND", "ENDED", "HOSTS"),
        [
            (
                str(run.number),
                f"{run.at:%Y-%m-%d %H:%M:%S}",
                run.operator,
                run.command,
                run.ending or "at work, or killed",
                _counted(run) or "-",
            )
            for run in runs
        ],
    )


def show(run: Past, host: str | None) -> None:
    """Print the outcome of every host of a run; or every step of one host."""
    if host is not None:
        _show_steps(run, host)
        return
    outcomes = {name: result.outcome.value for name, result in run.results.items()}
    outcomes |= dict.fromkeys(run.in_flight, "in flight when it ended")
    console.note(f"run {run.number}: {run.command}, by {run.operator}, {run.ending or 'at work'}")
    console.table(("HOST", "OUTCOME"), sorted(outcomes.items()))
    for _, result in sorted(run.results.items()):
        if result.summary:
            console.failure(f"{result.host}: {result.summary}", result.hint)


def _show_steps(run: Past, host: str) -> None:
    rows = []
    for at, event in run.steps:
        if event.host == host:
            rows.append((f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", *_step(event)))
    if host in run.results:
        result = run.results[host]
        rows.append(("", result.outcome.value, "", result.summary))
    console.table(("TIME", "STEP", "", "DETAIL"), rows)


def _step(event: Event) -> tuple[str, str, str]:
    return event.step.value, "ended" if event.ended else "began", event.detail


def show_json(runs: Iterable[Past]) -> None:
    """Print one JSON line a run."""
    console.json_lines("past", [_facts(run) for run in runs])


def _facts(run: Past) -> dict[str, object]:
    return {
        "run": run.number,
        "command": run.command,
        "operator": run.operator,
        "version": run.version,
        "at": run.at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "ending": run.ending,
        "in_flight": list(run.in_flight),
        "hosts": {
            name: {"outcome": result.outcome.value, "summary": result.summary}
            for name, result in sorted(run.results.items())
        },
    }


def _counted(run: Past) -> str:
    counts = Counter(result.outcome.value for result in run.results.values())
    if run.in_flight:
        counts["in flight"] = len(run.in_flight)
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
