import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import DeployerError, UsageError
from deployer.inventory.listing import listing
from deployer.inventory.loading import load_inventory
from deployer.inventory.place import InventoryError
from deployer.inventory.sources import SourceFile, Sources
from tests.inventory.written import inventory

FLEET = """
    all:
      hosts:
        lone:
      children:
        web:
          hosts:
            web[1:2]:
          children:
            canary:
              hosts: {web2: , web3: }
        prod:
          children: {web: }
    db:
      hosts: {db1:5432: }
    solo:
      hosts: onlykey
"""


def problems(text: str) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        inventory(text)
    return caught.value.message.splitlines()


def test_groups_hold_hosts_and_groups() -> None:
    groups = inventory(FLEET).groups

    assert groups["web"].hosts == ("web1", "web2")
    assert groups["web"].members == ("web1", "web2", "web3")
    assert groups["prod"].hosts == ()
    assert groups["prod"].members == ("web1", "web2", "web3")
    assert groups["solo"].members == ("onlykey",)
    assert groups["ungrouped"].members == ("lone",)


def test_a_group_at_the_top_is_a_child_of_all() -> None:
    assert inventory(FLEET).groups["all"].children == ("ungrouped", "web", "prod", "db", "solo")


def test_a_host_knows_its_groups_through_all_levels() -> None:
    loaded = inventory(FLEET)

    assert loaded.host("web2").groups == ("canary", "prod", "web")
    assert loaded.host("lone").groups == ("ungrouped",)


def test_a_port_after_a_name_is_its_ssh_port() -> None:
    assert inventory(FLEET).host("db1").variables["ansible_port"] == 5432


def test_hosts_keep_the_order_in_which_they_were_first_named() -> None:
    assert list(inventory(FLEET).hosts) == ["lone", "web1", "web2", "web3", "db1", "onlykey"]


def test_a_host_that_does_not_exist_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no host named 'web11'") as caught:
        inventory(FLEET).host("web11")
    assert "web1" in caught.value.hint


def test_a_later_inventory_adds_to_an_earlier_one_and_wins() -> None:
    first = SourceFile("a.yml", "web: {hosts: {one: {x: a, y: a}}}")
    second = SourceFile("b.yml", "web: {hosts: {two: , one: {x: b}}}")

    loaded = load_inventory(Sources(inventories=(first, second)))

    assert list(loaded.hosts) == ["one", "two"]
    assert dict(loaded.host("one").variables)["x"] == "b"
    assert loaded.host("one").variables["y"] == "a"
    assert loaded.host("one").variables["inventory_file"] == "a.yml"


def test_the_listing_is_what_ansible_inventory_prints() -> None:
    assert listing(inventory("web: {hosts: {one: {x: '{{ y }}'}, two: }}\nempty:")) == {
        "_meta": {"hostvars": {"one": {"x": "{{ y }}"}}, "profile": "inventory_legacy"},
        "all": {"children": ["ungrouped", "web", "empty"]},
        "web": {"hosts": ["one", "two"]},
    }


def test_every_mistake_is_reported_at_its_line() -> None:
    assert problems("""\
        web:
          host: {web1: }
          hosts:
            h[5:2]:
            1: {}
          children: [db]
          vars: 3
        a b:
    """) == [
        "hosts.yml:2: web.host: unknown key, did you mean hosts?",
        "hosts.yml:4: the range [5:2] is empty: it ends before it begins",
        "hosts.yml:5: hosts of web: 1 is not a text: put it in quotes",
        "hosts.yml:6: children of web: groups are a mapping, not a list",
        "hosts.yml:7: vars of web: variables are a mapping, not the value 3",
        "hosts.yml:8: 'a b' cannot name a group: it has a space or a control character",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: {children: {b: {children: {a: }}}}", "hosts.yml:1: a group contains itself: "),
        ("a: {children: {a: }}", "hosts.yml:1: a group contains itself: a -> a"),
        ("a:\n  children: {all: }", "hosts.yml:2: a group contains itself: "),
        ("plugin: aws_ec2", "an inventory plugin of Ansible"),
        ("- web1", "an inventory: groups are a mapping, not a list"),
        ("w: {hosts: {a: text}}", "the host a: variables are a mapping, not a text"),
        ("w: {vars: {ansible_group_priority: high}}", "is not a whole number"),
        ("w/e: {}", "reads as a path"),
    ],
)
def test_what_makes_no_inventory_is_refused(text: str, complaint: str) -> None:
    assert complaint in "\n".join(problems(text))


def test_an_ini_file_is_refused_at_the_line_that_is_not_yaml() -> None:
    assert problems("[web]\nweb1 ansible_port=22\n")[0].startswith("hosts.yml:2:1: not valid YAML")


names = st.text(alphabet="ab[1:2], ", max_size=8)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | names,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(names | st.sampled_from(["hosts", "children", "vars"]), below, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(names, trees, max_size=4))
def test_any_tree_gives_an_inventory_or_errors_with_places(tree: object) -> None:
    lines: list[str] = []
    try:
        loaded = load_inventory(Sources(inventories=(SourceFile("hosts.yml", repr(tree)),)))
        assert set(loaded.groups["all"].members) == set(loaded.hosts)
    except DeployerError as error:
        lines = error.message.splitlines()

    assert all(line.startswith("hosts.yml:") for line in lines)
