"""
A visitor who never stops asking.

`Prober` makes a request on a fresh connection every 20 ms and remembers each one, so that a test
can say that nobody was turned away while something happened to the host.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

INTERVAL = 0.02
TIMEOUT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    body: bytes
    certificate: bytes | None
    """The server's certificate as DER, when it was asked over TLS."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One request: when it began (monotonic), how long it took, and what came of it."""

    at: float
    seconds: float
    ok: bool
    detail: str


def listens(address: str, port: int) -> bool:
    """Say whether a port accepts connections."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def fetch(
    url: str,
    *,
    to: tuple[str, int] | None = None,
    context: ssl.SSLContext | None = None,
    timeout: float = TIMEOUT,
) -> Response:
    """
    Ask for a page on a fresh connection and read the answer to its end.

    `to` is the address and port to connect to when the name in the URL does not lead there; the
    name still goes into SNI and Host. Raises `OSError` (which `ssl.SSLError` is) when refused.
    """
    parts = urlsplit(url)
    name = str(parts.hostname)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with socket.create_connection(to or (name, port), timeout=timeout) as plain:
        if parts.scheme != "https":
            return _ask(plain, parts.netloc, parts.path, None)
        assert context is not None, f"{url} needs a TLS context"
        with context.wrap_socket(plain, server_hostname=name) as stream:
            return _ask(stream, parts.netloc, parts.path, stream.getpeercert(binary_form=True))


def _ask(stream: socket.socket, host: str, path: str, certificate: bytes | None) -> Response:
    request = f"GET {path or '/'} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    stream.sendall(request.encode("ascii"))
    with http.client.HTTPResponse(stream) as answer:
        try:
            answer.begin()
            body = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"no whole answer: {error!r}") from error
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Response(status=answer.status, body=body, certificate=certificate, headers=headers)


class Prober:
    """
    Ask for a URL, or call something, from `__enter__` to `__exit__`: every 20 ms, or `interval`.

    A URL is served when it answers 200. A callable succeeds by returning; what it returns is kept
    as the detail, and whatever it raises is a failure, `AssertionError` included. At least one
    request has ended when the block begins, and one begins after everything in it is done, so
    that a block without failures has always been looked at from both sides.
    """

    def __init__(self, subject: str | Callable[[], object], *, interval: float = INTERVAL) -> None:
        self._ask = (lambda: _expect_page(subject)) if isinstance(subject, str) else subject
        self._interval = interval
        self._seen: list[Observation] = []
        self._news = threading.Condition()
        self._over = threading.Event()
        # A daemon: a test that is stopped by its time limit must not wait for it.
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def observations(self) -> tuple[Observation, ...]:
        with self._news:
            return tuple(self._seen)

    @property
    def failures(self) -> tuple[Observation, ...]:
        return tuple(one for one in self.observations if not one.ok)

    def wait_for(
        self, evidence: Callable[[tuple[Observation, ...]], bool], *, timeout: float = 30
    ) -> None:
        """Wait until what was seen so far satisfies a condition; fail the test at the deadline."""
        with self._news:
            seen = self._news.wait_for(lambda: evidence(tuple(self._seen)), timeout)
            assert seen, f"not seen in {timeout} s; last: {self._seen[-1:]}"

    def wait_for_more(self, count: int = 1) -> None:
        """Wait until so many requests have begun and ended from now on."""
        now = time.monotonic()
        self.wait_for(lambda seen: sum(one.at >= now for one in seen) >= count)

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait_for_more()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.wait_for_more()
        finally:
            self._over.set()
            self._thread.join(TIMEOUT * 2)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            observation = self._observe()
            with self._news:
                self._seen.append(observation)
                self._news.notify_all()
            # After a slow answer, go on from now: a burst would be another kind of test.
            due = max(due + self._interval, time.monotonic())
            self._over.wait(due - time.monotonic())

    def _observe(self) -> Observation:
        at = time.monotonic()
        try:
            ok, detail = True, str(self._ask())
        except Exception as error:  # noqa: BLE001  a failure of any kind is what we are here for
            ok, detail = False, f"{type(error).__name__}: {error}"
        return Observation(at=at, seconds=time.monotonic() - at, ok=ok, detail=detail)


def _expect_page(url: str) -> str:
    status = fetch(url).status
    if status != 200:
        raise ConnectionError(f"{url} answered {status}")
    return "200"
