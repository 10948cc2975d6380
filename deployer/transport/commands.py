"""Running commands on one host, the same whatever carries them: with whose rights, and how long."""

from collections.abc import Callable, Sequence

from deployer.spec.connection import Become
from deployer.transport import Completed
from deployer.transport.becoming import NeedsTerminal
from deployer.transport.conversation import Conversation
from deployer.transport.deadlines import Deadlines


class Commands:
    """
    The commands of one host.

    `hold` starts what a conversation says, holds it to its end, and completes it.
    """

    def __init__(
        self,
        host: str,
        hold: Callable[[Conversation], Completed],
        *,
        become: Become | None,
        timeouts: Deadlines,
    ) -> None:
        self._host = host
        self._hold = hold
        self._become = become
        self._timeouts = timeouts
        self._on_terminal = False

    def run(self, argv: Sequence[str], *, stdin: bytes, timeout: float) -> Completed:
        """Run a command; one that becomes root on a terminal alone is started once more, on one."""
        try:
            return self._hold(self._about(argv, stdin, timeout))
        except NeedsTerminal:  # nothing was started, and it will be the same with the next
            self._on_terminal = True
            return self._hold(self._about(argv, stdin, timeout))

    def _about(self, argv: Sequence[str], stdin: bytes, timeout: float) -> Conversation:
        return Conversation(
            self._host,
            argv,
            stdin=stdin,
            timeout=timeout,
            become=self._become,
            become_within=self._timeouts.become,
            terminal=self._on_terminal,
        )
