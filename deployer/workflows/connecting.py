"""Open the way to a host that its variables ask for."""

from collections.abc import Sequence
from pathlib import Path

from deployer.errors import Unreachable
from deployer.spec.connection import Connection
from deployer.transport import Transport, openssh
from deployer.transport.deadlines import Deadlines
from deployer.transport.local import Local
from deployer.transport.ssh import Connections
from deployer.transport.ssh_config import SshConfig
from deployer.transport.wire import of_too_many_files


class Connector:
    """The ways to the hosts of one run."""

    def __init__(self, known_hosts: Sequence[Path] = (), *, timeout: float | None = None) -> None:
        """`known_hosts`: files in place of those of ssh; `timeout`: seconds to connect."""
        self._deadlines = Deadlines(connect=timeout, given=True) if timeout else Deadlines()
        self._known_hosts = known_hosts
        self._config = SshConfig(known_hosts=known_hosts)
        self.ssh = Connections(self._config, timeouts=self._deadlines)
        if known_hosts:  # what cannot be read is better known before anything begins
            self.ssh.read(tuple(known_hosts))

    def __call__(self, connection: Connection) -> Transport:
        """Connect to a host; raises `Unreachable`."""
        try:
            return self._connect(connection)
        except OSError as error:  # of our own: the host has not been asked yet
            cause, hint = error.strerror or str(error), of_too_many_files(error)
            raise Unreachable(connection.name, "connect", cause, hint=hint) from error

    def _connect(self, connection: Connection) -> Transport:
        if connection.way == "local":
            return Local(connection.name, become=connection.become, timeouts=self._deadlines)
        if connection.way == "openssh":
            return openssh.connect(
                connection,
                self._config,
                known_hosts=self._known_hosts,
                timeouts=self._deadlines,
            )
        return self.ssh.connect(connection)

    def close(self) -> None:
        """End what the connections shared."""
        self.ssh.close()
