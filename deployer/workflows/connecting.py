"""Open the way to a host that its variables ask for."""

from collections.abc import Sequence
from pathlib import Path

from deployer.spec.connection import Connection
from deployer.transport import Transport
from deployer.transport.deadlines import Deadlines
from deployer.transport.known_hosts import DEFAULT_FILES, KnownHosts
from deployer.transport.local import Local
from deployer.transport.ssh import connect
from deployer.workflows.survey import Connect


def connector(known_hosts: Sequence[Path], *, timeout: float | None = None) -> Connect:
    """Return what opens connections; known_hosts are read once, for all of them."""
    keys = KnownHosts.read(known_hosts or DEFAULT_FILES)
    deadlines = Deadlines(connect=timeout) if timeout else Deadlines()

    def open_way(connection: Connection) -> Transport:
        if connection.way == "local":
            return Local(connection.name, become=connection.become, timeouts=deadlines)
        return connect(connection, known_hosts=keys, timeouts=deadlines)

    return open_way
