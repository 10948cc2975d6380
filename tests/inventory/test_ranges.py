import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.inventory.ranges import expand


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("web1", ["web1"]),
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[01:03]", ["web01", "web02", "web03"]),
        ("web[08:11]", ["web08", "web09", "web10", "web11"]),
        ("web[1:10:4]", ["web1", "web5", "web9"]),
        ("web[:2]", ["web0", "web1", "web2"]),
        ("[a:c]", ["a", "b", "c"]),
        ("x[y:B]", ["xy", "xz", "xA", "xB"]),
        ("r[1:2]-[a:b].lab", ["r1-a.lab", "r1-b.lab", "r2-a.lab", "r2-b.lab"]),
        ("10.0.[0:1].9", ["10.0.0.9", "10.0.1.9"]),
        ("2001:db8::[1:2]", ["2001:db8::1", "2001:db8::2"]),
        ("2001:db8::1", ["2001:db8::1"]),
    ],
)
def test_a_range_stands_for_its_hosts_in_order(text: str, names: list[str]) -> None:
    assert expand(text) == (tuple(names), None)


@pytest.mark.parametrize(
    ("text", "name", "port"),
    [
        ("web1:2222", "web1", 2222),
        ("[2001:db8::9]:22", "2001:db8::9", 22),
        ("[2001:db8::9]", "2001:db8::9", None),
        ("[web1]:22", "web1", 22),
    ],
)
def test_a_port_is_taken_off_the_name(text: str, name: str, port: int | None) -> None:
    assert expand(text) == ((name,), port)


def test_a_range_may_be_followed_by_a_port() -> None:
    assert expand("web[1:2]:2222") == (("web1", "web2"), 2222)
    assert expand("[a:b]:22") == (("a", "b"), 22)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("h[5:2]", "empty: it ends before it begins"),
        ("h[c:a]", "empty"),
        ("h[1:]", "no end"),
        ("h[01:3]", "different width"),
        ("h[10:1f]", "two numbers or two letters"),
        ("h[1:3:0]", "step"),
        ("h[1:3:-1]", "step"),
        ("h[0:99999999]", "more than"),
        ("h[0:9999][0:9999]", "more than"),
        ("h1:", "not a port"),
        ("h1:70000", "not a port"),
        ("h1:x", "not a port"),
        ("h1:٣", "not a port"),
        ("h[1]", "brackets"),
        ("a b", "a space"),
        ("a\nb", "a space or a control"),
        ("../etc", "a path"),
        ("-oProxyCommand=x", "pattern"),
        ("", "needs a name"),
    ],
)
def test_what_names_no_host_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        expand(text)


@given(st.text(alphabet="ab01:[]-., \n", max_size=20))
def test_any_text_gives_names_or_a_reason(text: str) -> None:
    reason = "none"
    try:
        names, port = expand(text)
        assert all(names)
        assert port is None or 0 < port < 65536
    except ValueError as error:
        reason = str(error)

    assert reason
