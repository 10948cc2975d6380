"""
What to expect of a virtual host, and whether it behaves so.

Three clients knock at each: one that our authority certified, one without a certificate, and
one that certified itself. Only evidence counts: a refusal must be the server's own, and a
connection that could not be opened proves nothing.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from deployer.probe.handshake import Answer, Identity, ask
from deployer.transport import Stream

Dial = Callable[[str, int], Stream]
"""Open a TCP connection to an address and port as the host sees them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """How one virtual host should answer."""

    address: str
    port: int
    server_name: str
    fingerprint: bytes | None
    """SHA-256 of the leaf that should be served; None when any will do."""
    verify: str
    """As `SSLVerifyClient`: require, optional or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """The identities to knock with. Without a certified one that knock is left out."""

    certified: Identity | None
    stranger: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """One client at one virtual host: who, what came back, and what is wrong with that."""

    server_name: str
    client: str
    answer: Answer | None
    problem: str = ""


def knock(dial: Dial, expected: Expectation, clients: Clients) -> tuple[Knock, ...]:
    """Knock at a virtual host with every client there is."""
    return tuple(_knocks(dial, expected, clients))


def await_content(
    dial: Dial, expected: Expectation, clients: Clients, *, timeout: float
) -> tuple[Knock, ...]:
    """
    Knock until everything is as expected, or the time (in seconds) is up.

    After a reload the old generation may still take a few connections: the first knock that
    meets it is no failure, the last one is.
    """
    deadline = time.monotonic() + timeout
    pause = 0.05
    while True:
        knocks = knock(dial, expected, clients)
        if all(not one.problem for one in knocks) or time.monotonic() + pause > deadline:
            return knocks
        time.sleep(pause)
        pause = min(pause * 2, 1.0)


def _knocks(dial: Dial, expected: Expectation, clients: Clients) -> Iterator[Knock]:
    asks = expected.verify != "none"
    if clients.certified is not None and asks:
        yield _one(dial, expected, "certified client", clients.certified, let_in=True)
    yield _one(dial, expected, "no certificate", None, let_in=expected.verify != "require")
    if asks:
        yield _one(dial, expected, "self-signed certificate", clients.stranger, let_in=False)


def _one(
    dial: Dial, expected: Expectation, client: str, identity: Identity | None, *, let_in: bool
) -> Knock:
    try:
        answer = ask(lambda: dial(expected.address, expected.port), expected.server_name, identity)
    except OSError as error:
        problem = f"no connection to {expected.address} port {expected.port}: {error}"
        return Knock(server_name=expected.server_name, client=client, answer=None, problem=problem)
    return Knock(
        server_name=expected.server_name,
        client=client,
        answer=answer,
        problem=_problem(answer, expected, client, let_in=let_in),
    )


def _problem(answer: Answer, expected: Expectation, client: str, *, let_in: bool) -> str:
    if answer.served is None:
        return f"no certificate was served: {answer.refusal}"
    if expected.fingerprint is not None:
        served = answer.served.fingerprint(SHA256())
        if served != expected.fingerprint:
            return f"serves {_name(answer.served)}, not the certificate of this release"
    if let_in and answer.status is None:
        return f"{client} was refused: {answer.refusal}"
    if not let_in and answer.status is not None:
        return f"{client} was let in with HTTP status {answer.status}"
    return ""


def _name(certificate: x509.Certificate) -> str:
    return f"serial {certificate.serial_number:x} ({certificate.subject.rfc4514_string()})"
