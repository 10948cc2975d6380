"""What became of each host, and the steps on the way."""

import time
from collections.abc import Sequence

from deployer.report import console
from deployer.result import Event, HostResult, Listener, Outcome, Step

STYLES = {
    Outcome.UNCHANGED: "",
    Outcome.CHANGED: "green",
    Outcome.ROLLED_BACK: "yellow",
    Outcome.UNREACHABLE: "magenta",
}


def show(results: Sequence[HostResult]) -> None:
    """Print the outcome of every host, then the reasons of those that did not end well."""
    results = sorted(results, key=lambda one: one.host)
    console.table(
        ("HOST", "OUTCOME", "RELEASE"),
        [(one.host, one.outcome.value, one.release or "-") for one in results],
        styles=[STYLES.get(one.outcome, "red") for one in results],
    )
    show_failures(results)
    for one in results:
        if one.unproven:
            console.note(f"{one.host}: {one.unproven}")
        if one.unrecorded:
            console.note(f"{one.host}: not on record: {one.unrecorded}")


def show_failures(results: Sequence[HostResult]) -> None:
    """Print the reasons of hosts that did not end well."""
    for one in results:
        if one.summary:
            console.failure(f"{one.host}: {one.summary}", one.hint)


def show_json(results: Sequence[HostResult]) -> None:
    """Print one JSON line a host."""
    for one in results:
        console.json_line(
            "host",
            host=one.host,
            outcome=one.outcome.value,
            release=one.release or None,
            summary=one.summary,
            hint=one.hint,
            unproven=one.unproven,
            unrecorded=one.unrecorded,
        )


class Steps:
    """Tells of each step as it ends, with how long it took."""

    def __init__(self) -> None:
        self._began: dict[tuple[str, Step], float] = {}

    def __call__(self, event: Event) -> None:
        """Listen to one event."""
        key = event.host, event.step
        if not event.ended:
            self._began[key] = time.monotonic()
            return
        seconds = time.monotonic() - self._began.get(key, time.monotonic())
        detail = f"  {event.detail}" if event.detail else ""
        console.note(f"  {event.host}  {event.step:<9} {seconds:5.2f} s{detail}", style="dim")


def json_steps(event: Event) -> None:
    """Print each event as a JSON line."""
    console.json_line(
        "step",
        host=event.host,
        step=event.step.value,
        ended=event.ended,
        detail=event.detail,
    )


def quiet(_: Event) -> None:
    """Say nothing."""


def listener(*, as_json: bool, verbose: bool) -> Listener:
    """Choose how steps are told."""
    if as_json:
        return _Undisturbed(json_steps)
    return _Undisturbed(Steps()) if verbose else quiet


class _Undisturbed:
    """A listener that never raises: work on a host must not end because nobody listens any more."""

    def __init__(self, listen: Listener) -> None:
        self._listen = listen

    def __call__(self, event: Event) -> None:
        """Pass an event on, and fall silent when that fails."""
        try:
            self._listen(event)
        except OSError:
            self._listen = quiet
