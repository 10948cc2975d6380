from datetime import timedelta

from deployer.pki.renewal import due_at, is_due
from tests.pki.examples import NOW, pki, server_leaf

DAY = timedelta(days=1)


def test_a_certificate_is_due_after_two_thirds_of_its_life_and_a_twentieth_at_most() -> None:
    for _ in range(20):
        leaf = server_leaf(pki().servers, "a.example")

        assert not is_due(leaf, NOW + 59 * DAY)
        assert is_due(leaf, NOW + 65 * DAY)
        assert is_due(leaf, due_at(leaf))


def test_a_fleet_certified_in_one_minute_is_not_due_in_one_minute() -> None:
    days = {due_at(server_leaf(pki().servers, "a.example")) for _ in range(20)}

    assert max(days) - min(days) > DAY
