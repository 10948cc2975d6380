"""As much of RFC 6455 as one word needs."""

import base64

from tests.live.wire import Client

KEY = base64.b64encode(b"sixteen bytes...").decode()
MASK = b"\x01\x02\x03\x04"


def echo(client: Client, name: str, word: str) -> str:
    """Open a WebSocket and say a word; returns what is said back, or an HTTP status."""
    data = word.encode()
    head = (
        f"GET / HTTP/1.1\r\nHost: {name}.example.com\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade, close\r\nSec-WebSocket-Key: {KEY}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    masked = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(data))
    reply = client.send(name, head.encode() + bytes((0x81, 0x80 | len(data))) + MASK + masked)
    return f"says {reply.text[-len(word) :]}" if reply.status == "101" else reply.status
