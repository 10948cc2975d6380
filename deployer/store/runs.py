"""
Runs: what every run over hosts did, in a file of its own that grows while it goes.

JSON lines below `runs/` in the state directory, and no database: a log that is full or damaged
must not lose a certificate. A file without an end belongs to a run that was killed, or that is
still at work. What hosts have is said by the hosts; this says what was tried.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Literal, Self

from deployer.errors import DeployerError
from deployer.result import Event, HostResult, Outcome, Step

SCHEMA = 1
CUT_OFF = "cut off"
_NAME = re.compile(r"(\d{6,})\.jsonl")
_FAILED = frozenset({Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.NEEDS_HANDS, Outcome.UNKNOWN})
_SWITCHING = frozenset({Step.STAGE, Step.REHEARSE, Step.ACTIVATE, Step.PROBE, Step.CONFIRM})


class NoSuchRun(DeployerError):
    """There is no run with this number on record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A run that was, or is."""

    number: int
    command: str
    operator: str
    version: str
    at: datetime
    ended_at: datetime | None
    """None: it was killed, or is at work."""
    ending: str
    """`status 2`, `interrupted`, what was wrong, or `cut off`; empty while it is at work."""
    refused: bool
    """Whether an error ended it before anything was begun on hosts; `ending` says which."""
    results: Mapping[str, HostResult]
    """By host, as far as they ended."""
    steps: Sequence[tuple[datetime, Event]] = field(repr=False)

    @property
    def was_carried_out(self) -> bool:
        """Whether it came to hosts; one that was refused did not."""
        return bool(self.results or self.in_flight) and not self.refused

    @property
    def in_flight(self) -> tuple[str, ...]:
        """Hosts to which something was being brought when it ended."""
        begun = {event.host for _, event in self.steps if event.step in _SWITCHING}
        return tuple(sorted(begun - self.results.keys()))

    def ended(self, how: Literal["failed", "unreachable"]) -> frozenset[str]:
        """
        Return the hosts that ended so, to be tried again.

        A host that was in flight when the run was killed has failed; one that was skipped has not.
        """
        wanted = _FAILED if how == "failed" else {Outcome.UNREACHABLE}
        found = {name for name, result in self.results.items() if result.outcome in wanted}
        return frozenset(found.union(self.in_flight if how == "failed" else ()))


class Recorder:
    """Writes the file of one run. Never raises: a host in the middle of a switch comes first."""

    def __init__(self, descriptor: int, number: int) -> None:
        self.number = number
        self.broken = ""
        """Why nothing can be written any more, once that is so."""
        self.results: dict[str, HostResult] = {}
        """By host, whether or not they could be written."""
        self._descriptor = descriptor
        self._lock = Lock()

    def step(self, event: Event) -> None:
        """Note a step that began or ended."""
        self._write(
            "step", host=event.host, step=event.step.value, ended=event.ended, detail=event.detail
        )

    def host(self, result: HostResult) -> None:
        """Note how a host ended."""
        self.results[result.host] = result
        self._write(
            "host",
            host=result.host,
            outcome=result.outcome.value,
            summary=result.summary,
            hint=result.hint,
            release=result.release,
        )

    def end(self, ending: str, *, refused: bool = False) -> None:
        """Note the end, in a word or two; only the first is noted."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            self._append(descriptor, "end", {"ending": ending, "refused": refused})
            os.close(descriptor)

    def _write(self, kind: str, **facts: object) -> None:
        with self._lock:
            if self._descriptor >= 0 and not self.broken:
                self._append(self._descriptor, kind, facts)

    def _append(self, descriptor: int, kind: str, facts: Mapping[str, object]) -> None:
        line = json.dumps({"event": kind, "at": _now(), **facts}, ensure_ascii=False)
        try:
            written = os.write(descriptor, f"{line}\n".encode())
        except OSError as error:
            self.broken = f"the log of the run cannot be written: {error.strerror}"
        else:
            if written < len(line.encode()) + 1:
                self.broken = "the log of the run cannot be written: its disk is full"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, DeployerError):
            self.end(error.message, refused=True)
        else:
            other = "done" if error is None else type(error).__name__
            self.end("interrupted" if isinstance(error, KeyboardInterrupt) else other)


class Runs:
    """The runs of a state directory."""

    def __init__(self, state: Path) -> None:
        self._directory = state / "runs"

    def begin(self, *, command: str, operator: str, version: str) -> Recorder:
        """
        Open the file of a new run; for whoever has the state for itself.

        Raises `OSError`.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        number = max(self._numbers(), default=0) + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        recorder = Recorder(os.open(self._file(number), flags, 0o600), number)
        recorder._write(  # noqa: SLF001 - of this module
            "run", schema=SCHEMA, run=number, command=command, operator=operator, version=version
        )
        if recorder.broken:
            self._file(number).unlink()
            raise DeployerError(recorder.broken, hint=f"df {self._directory}")
        return recorder

    def forget(self, *, keep: int) -> None:
        """
        Remove the files of old runs, so that with the next one there are `keep` of them.

        The newest stays in any case: the number of the next follows from it, and when it was cut
        off somebody is just being told so. What cannot be removed stays too.
        """
        for number in sorted(self._numbers(), reverse=True)[max(keep - 1, 1) :]:
            with suppress(OSError):
                self._file(number).unlink()

    def close_cut_off(self) -> Past | None:
        """
        End the last run, if it was killed, and return it.

        For whoever has the state for itself: then nobody else is at work.
        """
        last = self.last()
        if last is None or last.ended_at is not None:
            return None
        descriptor = os.open(self._file(last.number), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        recorder = Recorder(descriptor, last.number)
        # What it wrote last may have been cut off as well.
        os.write(descriptor, b"\n")
        recorder.end(CUT_OFF)
        return last

    def last(self) -> Past | None:
        """Return the last run, if there was one."""
        return next(self.newest_first(), None)

    def newest_first(self) -> Iterator[Past]:
        """Read the runs on record."""
        for number in sorted(self._numbers(), reverse=True):
            yield self.read(number)

    def read(self, number: int) -> Past:
        """Read one; raise `NoSuchRun`."""
        try:
            text = self._file(number).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError as error:
            raise NoSuchRun(
                f"there is no run {number} on record", hint="deployer runs list"
            ) from error
        return _past(number, [line for line in map(_parsed, text.splitlines()) if line])

    def _numbers(self) -> list[int]:
        if not self._directory.is_dir():
            return []
        names = (_NAME.fullmatch(path.name) for path in self._directory.iterdir())
        return [int(name[1]) for name in names if name]

    def _file(self, number: int) -> Path:
        return self._directory / f"{number:06d}.jsonl"


def _past(number: int, lines: Sequence[Mapping[str, Any]]) -> Past:
    """Put a run together. What this version does not know, another has written: left out."""
    begun: Mapping[str, Any] = {}
    ended: Mapping[str, Any] | None = None
    results: dict[str, HostResult] = {}
    steps: list[tuple[datetime, Event]] = []
    for line in lines:
        with suppress(KeyError, ValueError):
            match line["event"]:
                case "run":
                    begun = line
                case "step":
                    steps.append((_moment(line), _event(line)))
                case "host":
                    results[line["host"]] = _result(line)
                case "end":
                    ended = line
    return Past(
        number=number,
        command=begun.get("command", ""),
        operator=begun.get("operator", ""),
        version=begun.get("version", ""),
        at=_moment(begun),
        ended_at=_moment(ended) if ended else None,
        ending=ended.get("ending", "") if ended else "",
        refused=bool(ended and ended.get("refused")),
        results=results,
        steps=steps,
    )


def _parsed(line: str) -> Mapping[str, Any] | None:
    """Read a line; None for one that a full disk or a kill cut off."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "event" in found else None


def _event(line: Mapping[str, Any]) -> Event:
    return Event(
        host=line["host"], step=Step(line["step"]), ended=line["ended"], detail=line["detail"]
    )


def _result(line: Mapping[str, Any]) -> HostResult:
    return HostResult(
        host=line["host"],
        outcome=Outcome(line["outcome"]),
        summary=line["summary"],
        hint=line["hint"],
        release=line["release"],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _moment(line: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(line["at"]) if "at" in line else datetime.fromtimestamp(0, UTC)
