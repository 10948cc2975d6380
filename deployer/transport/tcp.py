"""A TCP connection to a named host, made in bounded time and watched while it is idle."""

import queue
import socket
import threading
import time

Address = tuple[socket.AddressFamily, tuple[object, ...]]


class NotResolved(OSError):
    """A name has no address."""


def open_connection(
    name: str,
    port: int,
    *,
    timeout: float,
    family: socket.AddressFamily = socket.AF_UNSPEC,
    source: str = "",
) -> socket.socket:
    """
    Connect to the first address of a name that answers, from `source` if that is given.

    Raises `OSError`. One silent address cannot use up the time of those after it.
    """
    until = time.monotonic() + timeout
    addresses = _resolve(name, port, timeout, family)
    refused: OSError = TimeoutError()
    for untried, (kind, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        connection = socket.socket(kind, socket.SOCK_STREAM)
        try:
            if source:
                connection.bind((source, 0))
            connection.settimeout(max(0.001, (until - time.monotonic()) / untried))
            connection.connect(address)
        except OSError as error:
            connection.close()
            refused = error
        else:
            return connection
    raise refused


def _resolve(name: str, port: int, timeout: float, family: socket.AddressFamily) -> list[Address]:
    """
    Look a name up, for a bounded time.

    The C library waits as long as its own configuration says, and cannot be interrupted; a
    thread that is still waiting when we have given up is left behind.
    """
    answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(name, port, family=family, type=socket.SOCK_STREAM)
            answers.put([(kind, address) for kind, _, _, _, address in found])
        except (OSError, UnicodeError) as error:
            answers.put(NotResolved(getattr(error, "strerror", None) or str(error)))

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise NotResolved(f"no answer within {timeout:g} s") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def keep_alive(connection: socket.socket, interval: int) -> None:
    """
    Have the kernel notice a peer that has vanished, within three intervals.

    Keepalive probes find it while we wait, the user timeout while we send (tcp(7)). Options
    that a system does not have are left out: deadlines hold without them.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", interval),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", 3 * interval * 1000),
    ):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
