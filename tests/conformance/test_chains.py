"""What the path validators of the world think of our chains, and of what they must refuse."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from deployer.pki.keys import KeyType
from tests.conformance.differences import DIFFERENCES, Difference, difference
from tests.conformance.judges import JUDGES
from tests.conformance.questions import Question, sound, wrong
from tests.conformance.worlds import Shape, leaves, world_of

# A cold cache of Go's standard library takes its minute.
_JUDGES = [pytest.param(name, marks=pytest.mark.slow if name == "Go" else ()) for name in JUDGES]
EVERY_DAY = (
    *((KeyType.P256, shape) for shape in Shape),
    *((kind, Shape.PLAIN) for kind in (KeyType.P384, KeyType.RSA2048, KeyType.ED25519)),
)


@cache
def some_sound() -> tuple[Question, ...]:
    """Every leaf in every shape, and every kind of key that is quickly made."""
    return tuple(
        sound(world_of(kind, shape), leaf) for kind, shape in EVERY_DAY for leaf in leaves(kind)
    )


@cache
def some_wrong() -> tuple[Question, ...]:
    """One server and one client of every shape, with every fault."""
    return tuple(_wrong((KeyType.P256, shape) for shape in Shape))


def every_sound() -> Iterator[Question]:
    for authority_key in KeyType:
        for shape in Shape:
            world = world_of(authority_key, shape)
            for leaf_key in KeyType:
                yield from (sound(world, leaf) for leaf in leaves(leaf_key))


def _wrong(kinds: Iterable[tuple[KeyType, Shape]]) -> Iterator[Question]:
    for kind, shape in kinds:
        first = {leaf.profile.kind: leaf for leaf in reversed(leaves(kind))}
        for leaf in first.values():
            yield from wrong(world_of(kind, shape), leaf)


def surprises(judge: str, asked: Sequence[Question], directory: Path) -> list[str]:
    answers = JUDGES[judge](asked, directory)
    found = []
    for one in asked:
        complaint = answers[one.name]
        expected = bool(one.fault) is (difference(judge, one) is None)
        if bool(complaint) is not expected:
            found.append(f"{one.name}: {complaint or 'accepted'}")
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("judge", _JUDGES)
def test_a_chain_of_ours_is_accepted(judge: str, tmp_path: Path) -> None:
    assert not surprises(judge, some_sound(), tmp_path)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("judge", _JUDGES)
def test_a_wrong_chain_is_refused(judge: str, tmp_path: Path) -> None:
    assert not surprises(judge, some_wrong(), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("judge", JUDGES)
def test_every_kind_of_leaf_key_is_accepted_below_every_kind_of_authority(
    judge: str, tmp_path: Path
) -> None:
    assert not surprises(judge, tuple(every_sound()), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("judge", JUDGES)
def test_a_wrong_chain_of_any_kind_of_key_is_refused(judge: str, tmp_path: Path) -> None:
    asked = tuple(_wrong((kind, shape) for kind in KeyType for shape in Shape))
    assert not surprises(judge, asked, tmp_path)


@pytest.mark.parametrize("known", DIFFERENCES, ids=lambda known: f"{known.judge} {known.reason}")
def test_a_difference_is_met_by_some_question(known: Difference) -> None:
    assert any(known.concerns(one) for one in (*some_sound(), *some_wrong()))
