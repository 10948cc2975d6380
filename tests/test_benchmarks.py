"""Promises of speed, held as ratios: a busy machine slows both sides."""

import pytest

from benchmarks import inventory, render


@pytest.mark.slow
def test_files_of_hosts_are_made_nearly_as_fast_as_plain_jinja_makes_them() -> None:
    # `make bench` holds 2; this leaves room for a machine that does other things as well.
    assert render.measure(hosts=20, rounds=5).ratio <= 3


@pytest.mark.slow
def test_ten_thousand_hosts_are_listed_in_about_a_second() -> None:
    ours, _ = inventory.measure(10_000)

    assert ours.seconds <= 2
    assert ours.megabytes <= inventory.MEGABYTES
