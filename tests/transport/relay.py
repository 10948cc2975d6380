"""A TCP relay that reads SSH far enough to know when a handshake has come to a point."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

KEXINIT = 20  # RFC 4253 §12
NEWKEYS = 21


@contextmanager
def relay(port: int, *, at: int, act: Callable[[], None]) -> Iterator[int]:
    """
    Relay to a port; act when the server sends a message of one type, before passing it on.

    The client cannot answer what it has not received, so the server is always acted upon
    before the next step of the handshake.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []
        worker = threading.Thread(target=_serve, args=(listener, accepted, port, at, act))
        worker.start()
        try:
            yield listener.getsockname()[1]
        finally:
            for connection in (listener, *accepted):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            worker.join()


def _serve(
    listener: socket.socket,
    accepted: list[socket.socket],
    port: int,
    at: int,
    act: Callable[[], None],
) -> None:
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        accepted += [client, server]
        upwards = threading.Thread(target=_copy, args=(client, server))
        upwards.start()
        with suppress(OSError, EOFError):
            _pass_handshake(server, client, at, act)
            _copy(server, client)
        upwards.join()


def _pass_handshake(
    server: socket.socket, client: socket.socket, at: int, act: Callable[[], None]
) -> None:
    while not (line := _read_line(server)).startswith(b"SSH-"):
        client.sendall(line)
    client.sendall(line)
    kind = None
    while kind != at:
        length = _read(server, 4)
        packet = _read(server, int.from_bytes(length, "big"))
        kind = packet[1]
        if kind == at:
            act()
        client.sendall(length + packet)


def _read_line(server: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += _read(server, 1)
    return line


def _read(server: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = server.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
