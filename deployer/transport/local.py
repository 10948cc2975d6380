"""This computer, for hosts with `ansible_connection: local`."""

import os
import socket
import subprocess
import time
from collections.abc import Sequence

from deployer.spec.connection import Become
from deployer.transport import Completed, Stream
from deployer.transport.commands import Commands
from deployer.transport.conversation import Conversation
from deployer.transport.deadlines import Deadlines
from deployer.transport.processes import end, start
from deployer.transport.stream import TimedStream

# sshd starts commands with little more than this. The rest of our environment may hold
# secrets, such as the passphrase of the CA, that a server started by us must not inherit.
_ENVIRONMENT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG")


class Local:
    """Run commands here, with the same manners as over SSH."""

    def __init__(
        self,
        host: str = "localhost",
        *,
        become: Become | None = None,
        timeouts: Deadlines | None = None,
    ) -> None:
        self._commands = Commands(host, self._hold, become=become, timeouts=timeouts or Deadlines())

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        """Run a command; kill it, and what it started, when the time is up."""
        return self._commands.run(argv, stdin=stdin, timeout=timeout)

    @staticmethod
    def _hold(talk: Conversation) -> Completed:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            pipes = start(talk.argv, environment, terminal=talk.on_terminal)
        except FileNotFoundError as error:  # in the words and the statuses of a shell
            return Completed(status=127, stdout=b"", stderr=str(error).encode())
        except OSError as error:
            return Completed(status=126, stdout=b"", stderr=str(error).encode())
        try:
            with pipes:
                talk.hold(pipes)
            status = pipes.process.wait(talk.seconds_left)
        except subprocess.TimeoutExpired as error:
            raise talk.overdue() from error
        finally:
            end(pipes.process)
        return talk.completed(status if status >= 0 else 128 - status)  # as a shell puts it

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        """Connect to an address; raise `OSError` when that fails."""
        until = time.monotonic() + timeout
        return TimedStream(socket.create_connection((address, port), timeout), until=until)

    def close(self) -> None:
        """Do nothing: no connection is kept between commands."""
