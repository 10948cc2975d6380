"""The catalogue as a whole: numbers, what may be accepted, and that every rule was tried."""

from collections import Counter

import pytest

from deployer.advice.catalogue import RULES, findings
from deployer.advice.context import Context
from deployer.advice.finding import Rule, Severity
from tests.advice import test_authorities, test_clients, test_extra, test_hosts
from tests.advice.examples import NOW, host, site

TRIED = (test_authorities, test_clients, test_extra, test_hosts)
ACCEPTING = {"MTLS-001", "MTLS-002"}


def numbers(*accepted: str, **fields: object) -> list[str]:
    about = Context(spec=host(site(**fields), accept=frozenset(accepted)), now=NOW)
    return [one.number for one in findings(about)]


def test_every_number_stands_once_and_in_order() -> None:
    listed = [rule.number for rule in RULES]

    assert Counter(listed).most_common(1)[0][1] == 1
    assert listed == sorted(listed)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.number)
def test_every_rule_has_an_example_and_a_near_miss(rule: Rule) -> None:
    if rule.number not in ACCEPTING:
        assert any(rule.number == number for tried in TRIED for number, _ in tried.FIRES)
        assert any(rule.number == number for tried in TRIED for number, _ in tried.MISSES)


def test_what_is_accepted_is_not_said_again() -> None:
    assert numbers(hsts=True) == ["MTLS-506", "MTLS-403"]
    assert numbers("MTLS-506", hsts=True) == ["MTLS-403"]
    assert numbers("MTLS-506", "MTLS-403", hsts=True) == []


def test_the_worst_comes_first() -> None:
    assert numbers(hsts=True, extra="SSLEngine off") == ["MTLS-109", "MTLS-506", "MTLS-403"]


def test_an_error_cannot_be_accepted() -> None:
    assert numbers("MTLS-109", "MTLS-403", extra="SSLEngine off") == ["MTLS-002", "MTLS-109"]
    assert numbers("MTLS-002", "MTLS-403") == ["MTLS-002"]


def test_an_unknown_number_is_an_error_that_names_a_near_one() -> None:
    about = Context(spec=host(accept=frozenset({"MTLS-606x"})), now=NOW)

    (found,) = findings(about)

    assert found.severity is Severity.ERROR
    assert found.message.startswith("there is no MTLS-606x, did you mean MTLS-606 or ")


def test_a_host_that_is_as_it_should_be_has_nothing_said_of_it() -> None:
    assert numbers(client_auth={"allow": [{"ou": "staff"}]}) == []
