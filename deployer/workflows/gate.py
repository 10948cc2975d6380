"""The gate of a run: hosts go through one by one, until it is closed."""

from collections.abc import Callable, Collection

from deployer.fleet.stopping import StopSign
from deployer.result import HostResult, Outcome
from deployer.rolling import Strategy


class Gate:
    """What lets hosts begin, until too many have failed."""

    def __init__(
        self,
        strategy: Strategy,
        failed: Collection[str],
        stop: StopSign,
        halted: Callable[[], str],
    ) -> None:
        self._halted = halted
        self._strategy = strategy
        self._stop = stop
        self._failed = set(failed)
        self._reason = strategy.before_all(failed)
        self._refusal = ""

    @property
    def reason(self) -> str:
        """Why nothing begins any more; nothing as long as hosts may."""
        interrupted = "interrupted" if self._stop.is_up else ""
        return self._reason or self._refusal or interrupted or self._halted()

    @property
    def broken(self) -> str:
        """Why nothing begins any more because of hosts that have failed."""
        return self._reason

    def close(self, reason: str) -> None:
        """Let nothing begin any more, for something has failed."""
        self._close(reason)

    def refuse(self, reason: str) -> None:
        """Let nothing begin any more, although nothing has failed."""
        self._refusal = self._refusal or reason

    def failed(self, name: str) -> None:
        """Take notice of a host that has failed."""
        self._failed.add(name)
        self._close(self._strategy.at_once(name, len(self._failed)))

    def close_after(self, batch: Collection[str]) -> None:
        """Decide whether another batch may begin after this one."""
        count = len(self._failed.intersection(batch))
        self._close(self._strategy.after_batch(len(batch), count))

    def _close(self, reason: str) -> None:
        self._reason = self._reason or reason


def skipped(name: str, reason: str) -> HostResult:
    """Say of a host that nothing was begun there, and why."""
    return HostResult(
        host=name,
        outcome=Outcome.SKIPPED,
        summary=f"not begun: {reason}",
        hint="it has what it had: apply again",
    )
