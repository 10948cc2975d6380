"""
Who comes in where: every kind of visitor at every kind of door, over each version of TLS and HTTP.

What must happen is worked out from the inventory alone (`expected`), what happens is asked of a
real Apache, and docs/behaviour.md shows both, for they are the same.
"""

import pytest

from tests.live.cases import CASES, Case
from tests.live.expected import REFUSED
from tests.live.house import PROTOCOLS, House


@pytest.mark.parametrize("case", CASES, ids=str)
def test_everybody_gets_what_the_inventory_says(case: Case, live: House) -> None:
    protocols = [one for one in PROTOCOLS if one[0] in case.versions]

    answers = {
        one: live.ask(case.site, case.visitor, case.path, password=case.secret, protocol=one)
        for one in protocols
    }

    assert {one: answer.status for one, answer in answers.items()} == dict.fromkeys(
        protocols, case.expected
    )
    for (_, http), answer in answers.items():
        assert case.expected == REFUSED or answer.http == http
