"""
One TLS handshake and one request over a stream that somebody else opened.

Under TLS 1.3 a client has finished its handshake before the server judges its certificate:
whether it is let in shows only in the answer to a request. So a request is always sent and
its answer always read.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from OpenSSL import SSL

from deployer.pki.keys import PrivateKey
from deployer.transport import Stream

CHUNK = 16384
LARGEST_ANSWER = 65536

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate to show, with its chain and key. Held in memory alone."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle it as what others can read: DER, and the key as PKCS#8."""
        key = self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return _identity, (tuple(map(_der, (self.certificate, *self.chain))), key)


def _identity(certificates: tuple[bytes, ...], key: bytes) -> Identity:
    certificate, *chain = map(x509.load_der_x509_certificate, certificates)
    return Identity(
        certificate=certificate,
        chain=tuple(chain),
        key=cast("PrivateKey", load_der_private_key(key, password=None)),
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


class End(Enum):
    """How a conversation ended."""

    ANSWERED = "answered"
    """With an HTTP status."""
    REFUSED = "refused"
    """By the server: a TLS alert, or a connection that it closed."""
    SILENT = "silent"
    """The server took the request and had not answered when the time was up."""
    BROKEN = "broken"
    """On the way: this says nothing about the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: the certificate served, and how the conversation ended."""

    served: x509.Certificate | None
    end: End
    status: int | None
    """The HTTP status, where there is one."""
    words: str = ""
    """Why there is none: OpenSSL's words, or the system's."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle it with the certificate as DER."""
        served = self.served and _der(self.served)
        return _answer, (served, self.end, self.status, self.words)


def _answer(served: bytes | None, end: End, status: int | None, words: str) -> Answer:
    certificate = x509.load_der_x509_certificate(served) if served else None
    return Answer(served=certificate, end=end, status=status, words=words)


def ask(
    connect: Callable[[], Stream], server_name: str, identity: Identity | None = None
) -> Answer:
    """
    Shake hands as a client with this identity, or with none, and request `/`.

    The server's certificate is not judged, only returned: the caller knows which to expect.
    Raises `OSError` when no connection could be opened at all.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if identity is not None:
        context.use_certificate(identity.certificate)
        context.use_privatekey(identity.key)
        for issuer in identity.chain:
            context.add_extra_chain_cert(issuer)
    tls = SSL.Connection(context, None)
    tls.set_tlsext_host_name(server_name.encode("ascii"))
    tls.set_connect_state()
    stream = connect()
    try:
        return _converse(tls, stream, server_name)
    finally:
        stream.close()


def _converse(tls: SSL.Connection, stream: Stream, server_name: str) -> Answer:
    end = End.BROKEN
    asked = False
    request = f"GET / HTTP/1.1\r\nHost: {server_name}\r\nConnection: close\r\n\r\n"
    head = b""
    words = ""
    try:
        _pump(tls, stream, tls.do_handshake)
        _pump(tls, stream, lambda: tls.sendall(request.encode("ascii")))
        asked = True
        while b"\r\n" not in head and len(head) < LARGEST_ANSWER:
            head += _pump(tls, stream, lambda: tls.recv(CHUNK))
        end = End.ANSWERED
    except SSL.Error as error:
        end, words = End.REFUSED, _words(error)
    except (EOFError, ConnectionResetError, BrokenPipeError) as error:
        end, words = End.REFUSED, str(error) or "the server closed the connection"
    except TimeoutError:
        end, words = (End.SILENT if asked else End.BROKEN), "no answer within the time for a probe"
    except OSError as error:
        words = str(error)
    return Answer(served=_served(tls), end=end, status=_status(head), words=words)


def _pump(tls: SSL.Connection, stream: Stream, step: Callable[[], Result]) -> Result:
    """Carry bytes between OpenSSL's memory and the stream until a step is done."""
    while True:
        try:
            result = step()
        except SSL.WantReadError:
            _flush(tls, stream)
            data = stream.recv(CHUNK)
            if not data:
                raise EOFError("the server closed the connection") from None
            tls.bio_write(data)
        except SSL.Error:
            # The alert that OpenSSL wants to send is a courtesy; the peer may be gone.
            with suppress(OSError):
                _flush(tls, stream)
            raise
        else:
            _flush(tls, stream)
            return result


def _flush(tls: SSL.Connection, stream: Stream) -> None:
    with suppress(SSL.WantReadError):
        while True:
            stream.sendall(tls.bio_read(CHUNK))


def _served(tls: SSL.Connection) -> x509.Certificate | None:
    return tls.get_peer_certificate(as_cryptography=True)


def _status(head: bytes) -> int | None:
    version, _, rest = head.partition(b" ")
    code = rest[:3]
    return int(code) if version.startswith(b"HTTP/") and code.isdigit() else None


def _words(error: SSL.Error) -> str:
    reasons = error.args[0] if error.args else ()
    said = [entry[-1] for entry in reasons if isinstance(entry, tuple)]
    return ", ".join(said) or "the server closed the connection"
