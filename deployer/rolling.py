"""
Rolling runs: in which batches hosts are switched, and when a run stops.

The words are Ansible's (`serial`, `order`, `max_fail_percentage`, `any_errors_fatal`), with one
difference that its users ask for: a host that cannot be reached has failed. Otherwise a network
that dies would let every batch begin.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from deployer.errors import UsageError

Order = Literal["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"]
ORDERS: tuple[str, ...] = get_args(Order)
Scope = Literal["host", "batch", "run"]
"""What is brought back when a host fails: that one, its batch, or all that the run has changed."""

_SHARE = re.compile(r"(?P<number>\d{1,6})(?P<percent>%?)")
_TIME = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,3})?)\s*(?P<unit>[smh]?)")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Share:
    """How many hosts a batch has: a number, or a percentage of all of them."""

    number: int
    percent: bool = False

    def of(self, total: int) -> int:
        """Count them; a percentage of few is one at least."""
        return max(1, total * self.number // _WHOLE) if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number}{'%' if self.percent else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How a run goes through its hosts."""

    serial: tuple[Share, ...] = ()
    """The sizes of the batches; the last holds for all that follow. Empty: all hosts at once."""
    canaries: Collection[str] = ()
    """Hosts that come first, in a batch of their own, none of which may fail."""
    order: Order = "inventory"
    seed: int = 0
    """What a shuffled order is made from, so that a run can be told again."""
    soak: float = 0
    """Seconds between the end of one batch and the beginning of the next."""
    max_fail_percentage: float | None = None
    """Of the hosts of a batch; a run stops after a batch in which more have failed."""
    max_fail: int | None = None
    """Of the hosts of a run; it stops as soon as more have failed."""
    any_errors_fatal: bool = False
    rollback_scope: Scope = "host"

    @property
    def rolls(self) -> bool:
        """Whether hosts are switched in batches, rather than each when it is ready."""
        return bool(self.serial or self.canaries)

    @property
    def minds_failures(self) -> bool:
        """Whether what becomes of one host may keep others from beginning, or send them back."""
        limits = (self.max_fail_percentage, self.max_fail)
        one_for_all = self.any_errors_fatal or self.rollback_scope != "host"
        return one_for_all or any(limit is not None for limit in limits)

    def batches(self, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Cut hosts, in the order of the inventory, into the batches of this run."""
        ordered = self._ordered(names)
        first = tuple(name for name in ordered if name in self.canaries)
        rest = [name for name in ordered if name not in self.canaries]
        found = [first] if first else []
        sizes = list(self.serial) or [Share(max(1, len(rest)))]
        total, begun = len(rest), 0
        while begun < total:
            size = (sizes.pop(0) if len(sizes) > 1 else sizes[0]).of(total)
            found.append(tuple(rest[begun : begun + size]))
            begun += size
        return tuple(found)

    def at_once(self, name: str, failed: int) -> str:
        """Say why nothing may begin any more now that a host has failed; `failed` have in all."""
        if name in self.canaries:
            return f"the canary {name} has failed"
        if self.any_errors_fatal:
            return f"{name} has failed, and --any-errors-fatal was given"
        if self.max_fail is not None and failed > self.max_fail:
            return f"{failed} hosts have failed, --max-fail is {self.max_fail}"
        return ""

    def before_all(self, failed: Collection[str]) -> str:
        """Say why nothing may begin at all, now that these have failed when they were looked at."""
        reasons = (self.at_once(name, count) for count, name in enumerate(sorted(failed), start=1))
        return next(filter(None, reasons), "")

    def after_batch(self, size: int, failed: int) -> str:
        """Say why no other batch may begin after one of this size, in which so many failed."""
        if not failed:
            return ""
        if failed == size:
            return "a whole batch has failed"
        limit = self.max_fail_percentage
        if limit is not None and _WHOLE * failed > limit * size:
            return f"{failed} of {size} hosts of a batch have failed, more than {limit:g}%"
        return ""

    def _ordered(self, names: Sequence[str]) -> list[str]:
        match self.order:
            case "reverse_inventory":
                return list(reversed(names))
            case "sorted":
                return sorted(names)
            case "reverse_sorted":
                return sorted(names, reverse=True)
            case "shuffle":
                return sorted(names, key=self._lot)
        return list(names)

    def _lot(self, name: str) -> bytes:
        return hashlib.sha256(f"{self.seed} {name}".encode()).digest()


def serial(text: str) -> tuple[Share, ...]:
    """Read what `--serial` says: `5`, `20%`, `1,5,20%`; raise `UsageError`."""
    shares = []
    for word in text.split(","):
        found = _SHARE.fullmatch(word.strip())
        if found is None or int(found["number"]) == 0:
            raise UsageError(
                f"--serial {text}: {word.strip()!r} is not a number of hosts, or a percentage",
                hint="1,5,20% is one host, then five, then a fifth of all at a time",
            )
        if found["percent"] and int(found["number"]) > _WHOLE:
            raise UsageError(f"--serial {text}: {word.strip()} is more than all hosts")
        shares.append(Share(int(found["number"]), percent=bool(found["percent"])))
    return tuple(shares)


def seconds(text: str) -> float:
    """Read a time as people write it: `30`, `30s`, `2m`, `1h`; raise `UsageError`."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is not a time", hint="30s, 2m and 1h are")
    return float(found["number"]) * _UNITS[found["unit"] or "s"]
