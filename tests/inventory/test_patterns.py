import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import DeployerError, UsageError
from deployer.inventory.patterns import select
from tests.inventory.written import inventory

FLEET = inventory("""
    all:
      hosts: {lone: }
    web:
      hosts: {"web[1:4]": , "2001:db8::9": }
      children:
        canary: {hosts: {web4: , web5: }}
    webish: {hosts: {shop1.lab: , shop2.lab: }}
    db: {hosts: {"db[1:2]": }}
    staging: {hosts: {web2: , db2: }}
    empty:
""")
WEB = ["web1", "web2", "web3", "web4", "2001:db8::9", "web5"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("all", ["lone", *WEB[:5], "shop1.lab", "shop2.lab", "db1", "db2", "web5"]),
        ("web", WEB),
        ("web1", ["web1"]),
        ("db,web1", ["db1", "db2", "web1"]),
        ("db:web1", ["db1", "db2", "web1"]),
        (" db , , web1 ", ["db1", "db2", "web1"]),
        ("web:&staging", ["web2"]),
        ("web:!canary", ["web1", "web2", "web3", "2001:db8::9"]),
        ("!web1:web", WEB[1:]),
        ("!canary:web:&staging:db", ["web2", "db2"]),
        ("&staging", ["web2", "db2"]),
        ("!web:!webish", ["lone", "db1", "db2"]),
        ("web*", [*WEB, "shop1.lab", "shop2.lab"]),
        ("*.lab", ["shop1.lab", "shop2.lab"]),
        ("db?", ["db1", "db2"]),
        ("web[12]", "outside"),
        ("w[e]b1", ["web1"]),
        ("~(db|shop)[12]", ["shop1.lab", "shop2.lab", "db1", "db2"]),
        ("2001:db8::9", ["2001:db8::9"]),
        ("web[0]", ["web1"]),
        ("web[-1]", ["web5"]),
        ("web[1:2]", ["web2", "web3"]),
        ("web[4:]", ["2001:db8::9", "web5"]),
        ("web[3:99]", WEB[3:]),
        ("web[0:1]:db[1]", ["web1", "web2", "db2"]),
        ("ungrouped", ["lone"]),
        ("web:!empty", WEB),
        ("WEB1", "no host or group matches 'WEB1'"),
        ("all:!typo", "no host or group matches 'typo'"),
        ("all:&typo", "no host or group matches 'typo'"),
        ("eb1", "no host or group matches 'eb1'"),
        ("~eb1", "no host or group matches '~eb1'"),
        ("~(", "not a regular expression"),
        ("web[9]", "outside"),
        ("web[2:0]", "is empty"),
        ("empty", "no host matches 'empty'"),
        ("webish:&db", "no host matches 'webish:&db'"),
    ],
)
def test_a_pattern_means_these_hosts_in_this_order(pattern: str, expected: list[str] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(UsageError, match=expected.replace("[", r"\[")):
            select(FLEET, pattern)
    else:
        assert [host.name for host in select(FLEET, pattern)] == expected


def test_a_mistyped_name_gets_the_nearest_one() -> None:
    with pytest.raises(UsageError) as caught:
        select(FLEET, "stagging")
    assert caught.value.hint == "did you mean staging?"


def test_a_limit_is_a_second_pattern_that_must_match_too() -> None:
    assert [host.name for host in select(FLEET, "web", "staging")] == ["web2"]
    assert len(select(FLEET, "web", "")) == len(WEB)
    with pytest.raises(UsageError, match="'web' limited to 'db'"):
        select(FLEET, "web", "db")


@given(st.text(alphabet="web1db*?[]:,!&~-9()|. ", max_size=15))
def test_any_pattern_gives_hosts_or_an_error(pattern: str) -> None:
    code = 5
    try:
        assert select(FLEET, pattern)
    except DeployerError as error:
        code = error.exit_code

    assert code == 5


def test_of_several_limits_each_adds_its_terms() -> None:
    chosen = select(FLEET, "web", ["canary:staging", "!web5"])

    assert [host.name for host in chosen] == ["web2", "web4"]
