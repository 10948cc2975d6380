"""
Errors an operator can act on.

    DeployerError              1   refused before any host was touched
    ├── UsageError             5   the command line itself is wrong
    ├── Locked                75   another run holds the lock
    ├── PassphraseMissing      1   something is to be signed, and nobody can be asked
    └── HostError              2   something about one host, at a named step
        ├── Unreachable        4   nothing ran there
        ├── StepFailed         2   a step ran and failed; the old configuration serves
        ├── RolledBack         2   the new release went live, failed, and was undone
        ├── Interrupted        2   the connection was lost; the host's journal knows
        └── NeedsHands         3   neither the old nor the new release serves

Every error carries a message (which host, which step, what is wrong) and, where one is
known, a hint: the next thing to type. A bug is never one of these: it keeps its traceback.
"""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, ClassVar


class DeployerError(Exception):
    """A failure with a message for the operator and, where known, the next step."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """What went wrong, in one sentence without a full stop."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle any error of this family, whatever its constructor asks for."""
        return _revived, (type(self), self.args, self.__dict__)


def _revived(
    kind: type[DeployerError], arguments: tuple[Any, ...], facts: Mapping[str, Any]
) -> DeployerError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(facts)
    return error


class UsageError(DeployerError):
    """The command line asks for something that does not exist."""

    exit_code = 5


class Locked(DeployerError):
    """Another run holds what this one needs."""

    exit_code = 75


class PassphraseMissing(DeployerError):
    """Something is to be signed, and there is nobody to ask for the passphrase."""


class HostError(DeployerError):
    """A failure of one host at one step."""

    exit_code = 2

    def __init__(self, host: str, step: str, cause: str, *, hint: str = "") -> None:
        super().__init__(f"{host}: {step}: {cause}", hint=hint)
        self.host = host
        self.step = step
        self.cause = cause


class Unreachable(HostError):
    """No command ran on the host: no route, no login, or a key that is not trusted."""

    exit_code = 4


class StepFailed(HostError):
    """A step failed and nothing was switched: the old configuration keeps serving."""


class RolledBack(HostError):
    """The new release failed after the switch and the host is back on the old one."""


class Interrupted(HostError):
    """The connection was lost after the switch began; the host decides by itself."""


class NeedsHands(HostError):
    """Neither the old nor the new release serves: a person must look."""

    exit_code = 3


def nearest(word: str, known: Collection[str]) -> str:
    """Say which known words are close to a mistyped one, or nothing."""
    close = difflib.get_close_matches(word, known, n=2)
    return f"did you mean {' or '.join(close)}?" if close else ""
