"""Loopback ports that nobody else takes while a sandbox lives."""

import socket

LOOPBACK = "127.0.0.1"


def reserve() -> socket.socket:
    """
    Bind a free port without listening on it.

    Linux lets a server with `SO_REUSEADDR` listen on a port that such a socket merely holds,
    and gives the port to no other. So a port is safe before its server starts and while it is
    restarted, also from the source ports of outgoing connections.
    """
    held = socket.socket()
    held.bind((LOOPBACK, 0))
    # Only now: set before, it would let `bind` accept a port that another sandbox holds.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return held


def number(held: socket.socket) -> int:
    """Return the number of a held port."""
    return int(held.getsockname()[1])


def answers(port: int) -> bool:
    """Say whether something accepts connections on a loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
