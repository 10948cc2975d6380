"""Telling a web server of a run: a real one, on this computer."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deployer.fleet import webhook
from deployer.fleet.webhook import NotDelivered, post
from deployer.pki.stranger import stranger
from tests.fleet.ear import Ear


@pytest.fixture
def listening() -> Iterator[Callable[..., Ear]]:
    opened: list[Ear] = []

    def listen(*answers: int) -> Ear:
        opened.append(Ear(*answers).__enter__())
        return opened[-1]

    yield listen
    for ear in opened:
        ear.__exit__()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PAUSE", 0)


def tell(url: str, *, timeout: float = 10) -> None:
    post(url, {"run": 7, "who": "Zoë"}, headers={"Authorization": "Bearer s3cret"}, timeout=timeout)


def test_it_is_told_once_with_the_header_that_it_wants(listening: Callable[..., Ear]) -> None:
    ear = listening(200)

    tell(ear.url)

    ((path, headers, facts),) = ear.heard
    assert (path, facts) == ("/services/T0KEN", {"run": 7, "who": "Zoë"})
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("answer", [429, 500, 503])
def test_it_is_told_once_more_when_it_was_busy(listening: Callable[..., Ear], answer: int) -> None:
    ear = listening(answer, 200)

    tell(ear.url)

    assert len(ear.heard) == 2


@pytest.mark.parametrize(
    ("answers", "problem", "times"),
    [
        ((404,), "it answered 404", 1),
        ((302,), "it answered 302", 1),
        ((503, 503), "it answered 503", 2),
        ((0, 0), "no answer within 2 s", 2),
    ],
)
def test_what_comes_of_it_is_said_and_its_address_is_not(
    listening: Callable[..., Ear], answers: tuple[int, ...], problem: str, times: int
) -> None:
    ear = listening(*answers)

    with pytest.raises(NotDelivered) as refused:
        tell(ear.url, timeout=2 if answers[0] == 0 else 10)

    assert refused.value.message == f"127.0.0.1 was not told of this run: {problem}"
    assert [path for path, _, _ in ear.heard] == ["/services/T0KEN"] * times


def test_nobody_there_is_said() -> None:
    with Ear() as ear:
        url = ear.url

    with pytest.raises(NotDelivered, match="was not told of this run: connection refused"):
        tell(url)


def test_a_server_that_nobody_certified_is_told_nothing(
    listening: Callable[..., Ear], tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = stranger(key, now=datetime.now(UTC), serial=1)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM) + pem)
    ear = listening()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    ear.server.socket = context.wrap_socket(ear.server.socket, server_side=True)

    with pytest.raises(NotDelivered, match="self-signed certificate"):
        tell(ear.url.replace("http:", "https:"))

    assert not ear.heard
