"""Requests letter by letter: what no well-behaved client would send, or would not show."""

import socket
import ssl
from dataclasses import dataclass

from tests.live.expected import REFUSED
from tests.live.house import House
from tests.live.visitors import NOBODY, Visitor

TLS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: `refused` or an HTTP status, and everything with it."""

    status: str
    text: str = ""
    session: ssl.SSLSession | None = None
    resumed: bool = False

    def header(self, name: str) -> str:
        """Return the value of a header of the answer, or nothing."""
        head, _, _ = self.text.partition("\r\n\r\n")
        for line in head.split("\r\n"):
            key, colon, value = line.partition(":")
            if colon and key.lower() == name.lower():
                return value.strip()
        return ""


class Client:
    """Somebody on the wire, with a memory for sessions."""

    def __init__(self, house: House, visitor: Visitor = NOBODY, *, tls: str = "1.3") -> None:
        self.house = house
        # Neither the name nor the chain of the server is looked at: some have none here.
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version = self.context.maximum_version = TLS[tls]
        if visitor is not NOBODY:
            wallet = house.wallets[visitor.name]
            self.context.load_cert_chain(wallet.chain, wallet.key)

    def get(
        self,
        name: str | None,
        path: str = "/",
        *lines: str,
        host: str | None = None,
        method: str = "GET",
        session: ssl.SSLSession | None = None,
    ) -> Reply:
        """Ask for a path; `name` is what the handshake says, `host` the request if different."""
        asked = f"{name or 'nameless'}.example.com" if host is None else host
        head = [f"{method} {path} HTTP/1.1", f"Host: {asked}", "Connection: close", *lines]
        return self.send(name, "\r\n".join([*head, "", ""]).encode(), session=session)

    def send(
        self, name: str | None, request: bytes, *, session: ssl.SSLSession | None = None
    ) -> Reply:
        """Shake hands, send these bytes, and read to the end."""
        desk = self.house.desk
        plain = socket.create_connection((desk.host.address, desk.port), timeout=10)
        server_name = f"{name}.example.com" if name and "." not in name else name
        try:
            with self.context.wrap_socket(
                plain, server_hostname=server_name, session=session
            ) as stream:
                stream.sendall(request)
                text = _read(stream)
                return Reply(
                    status=text[9:12],
                    text=text,
                    session=stream.session,
                    resumed=bool(stream.session_reused),
                )
        except (ssl.SSLError, ConnectionError):
            return Reply(status=REFUSED)
        finally:
            plain.close()


def _read(stream: socket.socket) -> str:
    parts = []
    while part := stream.recv(65536):
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def plain(house: House, request: str) -> Reply:
    """Send a request to the port without TLS."""
    with socket.create_connection((house.desk.host.address, house.http_port), timeout=10) as stream:
        stream.sendall(request.encode())
        text = _read(stream)
        return Reply(status=text[9:12], text=text)
