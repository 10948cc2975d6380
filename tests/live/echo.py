"""A backend that tells what reached it: its headers as JSON, and what a WebSocket says."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 section 1.3."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._be_a_websocket()
            return
        # A list of pairs: one name twice must not look like one.
        body = json.dumps(self.headers.items()).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _be_a_websocket(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + GUID
        digest = hashlib.sha1(key.encode(), usedforsecurity=False).digest()
        self.send_response(HTTPStatus.SWITCHING_PROTOCOLS)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        first, second = self.rfile.read(2)
        length = second & 0x7F
        mask, data = self.rfile.read(4), self.rfile.read(length)
        said = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self.wfile.write(bytes((first, length)) + said)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        """Say nothing: the tests look at what came back."""


@contextmanager
def backend() -> Iterator[str]:
    """Run a backend on the loopback address; yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
