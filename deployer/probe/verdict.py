"""
What to expect of a virtual host, and whether it behaves so.

Three clients knock at each: one that our authority certified, one without a certificate, and
one that certified itself. Only evidence counts: a refusal must be the server's own, and what
broke on the way proves nothing.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from deployer.probe.handshake import Answer, End, Identity, ask
from deployer.transport import Stream

NOBODY = "no certificate"

Dial = Callable[[str, int], Stream]
"""Open a TCP connection to an address and port as the host sees them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """How one virtual host should answer."""

    address: str
    port: int
    server_name: str
    aliases: tuple[str, ...] = ()
    """Other names under which the same certificate should be served."""
    own_addresses: tuple[str, ...] = ()
    """The host's other addresses, where a site on all addresses should be met as well."""
    fingerprint: bytes | None
    """SHA-256 of the leaf that should be served; None when any will do."""
    verify: str
    """As `SSLVerifyClient`: require, optional or none."""
    admits_ours: bool = True
    """Whether the clients that our own authority certified may come in."""


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
    address: str
    """Where it knocked, as the host sees it."""
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
        yield _one(
            dial, expected, "certified client", clients.certified, let_in=expected.admits_ours
        )
    yield _nobody(dial, expected)
    if asks:
        yield _one(dial, expected, "self-signed certificate", clients.stranger, let_in=False)
    for alias in expected.aliases:
        # Any name below a wildcard will do.
        name = alias.replace("*", "deployer-probe", 1)
        yield _nobody(dial, replace(expected, server_name=name))
    for address in expected.own_addresses:
        found = _nobody(dial, replace(expected, address=address))
        # Apache need not listen there; if it does, it is this site that must answer.
        if found.answer is not None:
            yield found


def _nobody(dial: Dial, expected: Expectation) -> Knock:
    return _one(dial, expected, NOBODY, None, let_in=expected.verify != "require")


def _one(
    dial: Dial, expected: Expectation, client: str, identity: Identity | None, *, let_in: bool
) -> Knock:
    answer: Answer | None = None
    try:
        answer = ask(lambda: dial(expected.address, expected.port), expected.server_name, identity)
    except OSError as error:
        problem = f"no connection to {expected.address} port {expected.port}: {error}"
    else:
        problem = _problem(answer, expected, client, let_in=let_in)
    return Knock(
        server_name=expected.server_name,
        client=client,
        address=expected.address,
        answer=answer,
        problem=problem,
    )


def _problem(answer: Answer, expected: Expectation, client: str, *, let_in: bool) -> str:
    if answer.served is None:
        return f"no certificate was served: {answer.words}"
    if expected.fingerprint not in {None, answer.served.fingerprint(SHA256())}:
        shown = _name(answer.served)
        return f"{expected.address} serves {shown}, not the certificate of this release"
    if answer.end is End.BROKEN:
        return f"{client}: no verdict, {answer.words}"
    # A server that takes a request and thinks about it has let its client in.
    if let_in and answer.end is End.REFUSED:
        return f"{client} was refused: {answer.words}"
    if not let_in and answer.end is not End.REFUSED:
        how = f"with HTTP status {answer.status}" if answer.status else "and is not answered yet"
        return f"{client} was let in {how}"
    return ""


def _name(certificate: x509.Certificate) -> str:
    return f"serial {certificate.serial_number:x} ({certificate.subject.rfc4514_string()})"
