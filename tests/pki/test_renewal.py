from datetime import timedelta

import pytest

from deployer.pki.crl import ladder
from deployer.pki.renewal import HALF, are_crls_due, crls_end, due_at, lease
from tests.pki.examples import NOW, pki, server_leaf

DAY = timedelta(days=1)


def test_a_certificate_is_due_after_two_thirds_of_its_life_and_a_twentieth_at_most() -> None:
    for _ in range(20):
        leaf = server_leaf(pki().servers, "a.example")

        assert NOW + 59 * DAY < due_at(leaf) <= NOW + 65 * DAY


def test_a_fleet_certified_in_one_minute_is_not_due_in_one_minute() -> None:
    days = {due_at(server_leaf(pki().servers, "a.example")) for _ in range(20)}

    assert max(days) - min(days) > DAY


@pytest.mark.parametrize("authority", ["root", "clients"])
def test_a_lease_falls_from_one_to_nothing_over_the_whole_ladder(authority: str) -> None:
    signer = getattr(pki(), authority)
    crls = ladder(signer, (), first_number=1, now=NOW)
    start, end = crls[0].last_update_utc, crls_end(crls)
    quarter = (end - start) / 4

    assert [lease(crls, start + quarters * quarter) for quarters in range(5)] == [
        1,
        0.75,
        0.5,
        0.25,
        0,
    ]
    assert lease(crls, start - DAY) == 1
    assert lease(crls, end + DAY) == 0


def test_lists_are_due_when_half_of_their_lease_is_over() -> None:
    crls = ladder(pki().clients, (), first_number=1, now=NOW)
    half = crls[0].last_update_utc + (crls_end(crls) - crls[0].last_update_utc) * HALF

    assert not are_crls_due(crls, half - timedelta(seconds=1))
    assert are_crls_due(crls, half)
