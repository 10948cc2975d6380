"""
What becomes of a host in a run: the steps it takes, and the outcome.

The names of the steps are shared by the engine, the report, the journal on the host, and the tests
that kill a controller or a host's script at each of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from deployer.errors import (
    DeployerError,
    HostError,
    Interrupted,
    Locked,
    NeedsHands,
    RolledBack,
    Unreachable,
)

CHANGES_PENDING = 2
"""The exit status of `--detailed-exitcode` when something is, or was, to change."""


class Step(StrEnum):
    """The steps of a host, in order."""

    OBSERVE = "observe"
    INSTALL = "install"
    ISSUE = "issue"
    CHECK = "check"
    STAGE = "stage"
    REHEARSE = "rehearse"
    HOOK = "hook"
    """A command of the project's own, on the controller."""
    ACTIVATE = "activate"
    PROBE = "probe"
    ROLL_BACK = "roll back"
    SOAK = "soak"
    CONFIRM = "confirm"


class HostStep(StrEnum):
    """
    What a host's scripts write into its journal, a line each: time, step, token, words.

    The scripts of `deployer.host` write these names and no others; tests/faults holds them to it.
    """

    INSTALLED = "installed"
    LEASED = "leased"
    """The words begin with the fencing token."""
    STAGED = "staged"
    REHEARSED = "rehearsed"
    ARMED = "armed"
    SWITCHED = "switched"
    RELOADED = "reloaded"
    FAILED = "failed"
    """After the switch: it is undone."""
    CONFIRMED = "confirmed"
    UNDOING = "undoing"
    ROLLED_BACK = "rolled_back"
    NEEDS_HANDS = "needs_hands"
    UNLOCKED = "unlocked"
    """Somebody took the lease from a run that would not come back."""


class Outcome(StrEnum):
    """How a host ended. A rollback is never a success."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    NEEDS_HANDS = "needs_hands"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    """Somebody else is at work there, or the run was stopped before it began there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A step of a host that began or ended."""

    host: str
    step: Step
    ended: bool
    detail: str = ""


Listener = Callable[[Event], None]
"""Told of every event, from several threads at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostResult:
    """How one host ended, in words that survive without the exception."""

    host: str
    outcome: Outcome
    summary: str = ""
    hint: str = ""
    release: str = ""
    unproven: str = ""
    """What could not be tried after a change that went well otherwise."""
    unrecorded: str = ""
    """Why the state does not know of the release; the host has it all the same."""

    @classmethod
    def of_error(cls, host: str, error: DeployerError) -> "HostResult":
        """Say what an error means for the host."""
        cause = f"{error.step}: {error.cause}" if isinstance(error, HostError) else error.message
        return cls(host=host, outcome=_outcome(error), summary=cause, hint=error.hint)


def _outcome(error: DeployerError) -> Outcome:
    match error:
        case Unreachable():
            return Outcome.UNREACHABLE
        case RolledBack():
            return Outcome.ROLLED_BACK
        case NeedsHands():
            return Outcome.NEEDS_HANDS
        case Interrupted():
            return Outcome.UNKNOWN
        case Locked():
            return Outcome.SKIPPED
        case _:
            return Outcome.FAILED


def exit_status(results: Iterable[HostResult]) -> int:
    """
    Say how a run ended.

    0, 2 failed, 3 needs hands, 4 unreachable, 6 failed and unreachable, 75 locked.
    """
    outcomes = {result.outcome for result in results}
    failed = outcomes & {Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.UNKNOWN}
    unreachable = Outcome.UNREACHABLE in outcomes
    if Outcome.NEEDS_HANDS in outcomes:
        return 3
    if failed:
        return 6 if unreachable else 2
    if unreachable:
        return 4
    return Locked.exit_code if Outcome.SKIPPED in outcomes else 0
