from datetime import timedelta

from deployer.pki.renewal import due_at
from tests.pki.examples import NOW, pki, server_leaf

DAY = timedelta(days=1)


def test_a_certificate_is_due_after_two_thirds_of_its_life_and_a_twentieth_at_most() -> None:
    for _ in range(20):
        leaf = server_leaf(pki().servers, "a.example")

        assert NOW + 59 * DAY < due_at(leaf) <= NOW + 65 * DAY


def test_a_fleet_certified_in_one_minute_is_not_due_in_one_minute() -> None:
    days = {due_at(server_leaf(pki().servers, "a.example")) for _ in range(20)}

    assert max(days) - min(days) > DAY
