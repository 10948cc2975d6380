"""What counts as evidence, by values; real handshakes are in tests/journey."""

from datetime import UTC, datetime

import pytest

from deployer.pki.keys import KeyType
from deployer.pki.stranger import stranger
from deployer.probe.handshake import Answer, End
from deployer.probe.verdict import Expectation, _problem
from deployer.store.randomness import generate_key

LEAF = stranger(generate_key(KeyType.P256), now=datetime.now(UTC), serial=1)
SITE = Expectation(
    address="127.0.0.1", port=443, server_name="a.test", fingerprint=None, verify="require"
)


def verdict(end: End, *, let_in: bool, status: int | None = None) -> str:
    answer = Answer(served=LEAF, end=end, status=status, words="words")
    return _problem(answer, SITE, "somebody", let_in=let_in)


@pytest.mark.parametrize(
    ("end", "let_in"),
    [(End.ANSWERED, True), (End.SILENT, True), (End.REFUSED, False)],
)
def test_what_was_expected_is_no_problem(end: End, *, let_in: bool) -> None:
    assert verdict(end, let_in=let_in) == ""


@pytest.mark.parametrize(
    ("end", "let_in", "words"),
    [
        (End.ANSWERED, False, "was let in"),
        (End.SILENT, False, "was let in and is not answered yet"),
        (End.REFUSED, True, "was refused"),
        (End.BROKEN, True, "no verdict"),
        (End.BROKEN, False, "no verdict"),
    ],
)
def test_only_the_servers_own_refusal_keeps_a_stranger_out(
    end: End, *, let_in: bool, words: str
) -> None:
    assert words in verdict(end, let_in=let_in)


def test_another_certificate_than_the_releases_is_a_problem() -> None:
    answer = Answer(served=LEAF, end=End.ANSWERED, status=200)
    site = Expectation(
        address="127.0.0.1", port=443, server_name="a.test", fingerprint=b"other", verify="none"
    )

    assert "not the certificate of this release" in _problem(answer, site, "x", let_in=True)
