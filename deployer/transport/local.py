"""This computer, for hosts with `ansible_connection: local`."""

import os
import socket
import subprocess
import time
from collections.abc import Sequence

from deployer.spec.connection import Become
from deployer.transport import Completed, Stream
from deployer.transport.conversation import Conversation
from deployer.transport.deadlines import Deadlines
from deployer.transport.processes import ProcessPipes, end, start
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
        self._host = host
        self._become = become
        self._timeouts = timeouts or Deadlines()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        """Run a command; kill it, and what it started, when the time is up."""
        talk = Conversation(
            self._host,
            argv,
            stdin=stdin,
            timeout=timeout,
            become=self._become,
            become_within=self._timeouts.become,
        )
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            process = start(talk.argv, environment)
        except FileNotFoundError as error:  # in the words and the statuses of a shell
            return Completed(status=127, stdout=b"", stderr=str(error).encode())
        except OSError as error:
            return Completed(status=126, stdout=b"", stderr=str(error).encode())
        try:
            with ProcessPipes(process) as pipes:
                talk.hold(pipes)
            process.wait(talk.seconds_left)
        except subprocess.TimeoutExpired as error:
            raise talk.overdue() from error
        finally:
            end(process)
        status = process.returncode
        return talk.completed(status if status >= 0 else 128 - status)  # as a shell puts it

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        """Connect to an address; raise `OSError` when that fails."""
        until = time.monotonic() + timeout
        return TimedStream(socket.create_connection((address, port), timeout), until=until)

    def close(self) -> None:
        """Do nothing: no connection is kept between commands."""
