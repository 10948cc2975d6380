"""In which batches a run goes through its hosts, and when it stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from deployer.errors import UsageError
from deployer.rolling import ORDERS, Share, Strategy, seconds, serial

TEN = tuple(f"web{number}" for number in range(10))


def sizes(text: str, count: int = 10, **more: object) -> list[int]:
    strategy = Strategy(serial=serial(text) if text else (), **more)  # type: ignore[arg-type]
    return [len(batch) for batch in strategy.batches([f"web{n}" for n in range(count)])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [10]),
        ("3", [3, 3, 3, 1]),
        ("20%", [2, 2, 2, 2, 2]),
        ("1,5,20%", [1, 5, 2, 2]),
        ("1, 100%", [1, 9]),
        ("1%", [1] * 10),
        ("99", [10]),
    ],
)
def test_batches_have_the_sizes_that_ansible_gives_them(text: str, expected: list[int]) -> None:
    assert sizes(text) == expected


def test_nobody_makes_no_batch() -> None:
    assert sizes("5", count=0) == []
    assert sizes("", count=0) == []


@pytest.mark.parametrize("text", ["0", "", "a", "5,", "-1", "1.5", "101%", "0%", "5%%"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--serial"):
        serial(text)


def test_canaries_come_first_and_by_themselves() -> None:
    strategy = Strategy(serial=(Share(4),), canaries={"web7", "web3"})

    assert strategy.batches(TEN)[0] == ("web3", "web7")
    assert strategy.batches(TEN)[1] == ("web0", "web1", "web2", "web4")


def test_hosts_come_in_the_order_that_is_asked_for() -> None:
    names = ("b", "c", "a")

    def first(order: str) -> tuple[str, ...]:
        return Strategy(order=order).batches(names)[0]  # type: ignore[arg-type]

    assert first("inventory") == ("b", "c", "a")
    assert first("reverse_inventory") == ("a", "c", "b")
    assert first("sorted") == ("a", "b", "c")
    assert first("reverse_sorted") == ("c", "b", "a")


def test_a_shuffled_order_is_the_same_for_one_seed_alone() -> None:
    def shuffled(seed: int) -> tuple[str, ...]:
        return Strategy(order="shuffle", seed=seed).batches(TEN)[0]

    assert shuffled(1) == shuffled(1)
    assert len({shuffled(seed) for seed in range(20)}) > 15


@given(
    count=some.integers(0, 60),
    shares=some.lists(some.integers(1, 30), max_size=4),
    canaries=some.sets(some.integers(0, 60)),
    order=some.sampled_from(ORDERS),
)
def test_every_host_is_in_one_batch(
    count: int, shares: list[int], canaries: set[int], order: str
) -> None:
    names = [str(number) for number in range(count)]
    strategy = Strategy(
        serial=tuple(map(Share, shares)),
        canaries={str(number) for number in canaries},
        order=order,  # type: ignore[arg-type]
    )

    batches = strategy.batches(names)

    assert sorted(name for batch in batches for name in batch) == sorted(names)
    assert all(batches)


def test_without_limits_only_a_batch_that_failed_as_a_whole_stops_a_run() -> None:
    strategy = Strategy(serial=(Share(4),))

    assert strategy.at_once("web1", 100) == ""
    assert strategy.after_batch(4, 3) == ""
    assert strategy.after_batch(4, 4) == "a whole batch has failed"


def test_a_percentage_counts_the_failures_of_one_batch() -> None:
    strategy = Strategy(serial=(Share(4),), max_fail_percentage=25)

    assert strategy.after_batch(4, 1) == ""
    assert "2 of 4 hosts" in strategy.after_batch(4, 2)
    assert strategy.after_batch(4, 0) == ""


def test_a_percentage_of_nothing_allows_no_failure() -> None:
    assert Strategy(max_fail_percentage=0).after_batch(100, 1)


def test_a_number_counts_the_failures_of_the_run() -> None:
    strategy = Strategy(max_fail=2)

    assert strategy.at_once("web1", 2) == ""
    assert strategy.at_once("web1", 3) == "3 hosts have failed, --max-fail is 2"


def test_a_canary_and_any_error_can_be_fatal() -> None:
    assert "canary web1" in Strategy(canaries={"web1"}).at_once("web1", 1)
    assert Strategy(canaries={"web1"}).at_once("web2", 1) == ""
    assert "--any-errors-fatal" in Strategy(any_errors_fatal=True).at_once("web2", 1)


@pytest.mark.parametrize(
    ("text", "expected"), [("30", 30), ("30s", 30), ("2m", 120), ("1h", 3600), ("0.5", 0.5)]
)
def test_times_are_read_as_people_write_them(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "1d", "-1", "1 2"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        seconds(text)
