import pytest

from deployer.inventory.place import InventoryError, Place
from tests.inventory.written import inventory

# Weakest first. Each test leaves out the strongest layers and sees the next one win.
LAYERS = (
    "all in the inventory",
    "group in the inventory",
    "group_vars/all beside the inventory",
    "group_vars/all beside the project",
    "group_vars of the group beside the inventory",
    "group_vars of the group beside the project",
    "host in the inventory",
    "host_vars beside the inventory",
    "host_vars beside the project",
    "-e",
)


@pytest.mark.parametrize("strongest", range(len(LAYERS)))
def test_the_strongest_layer_that_sets_a_variable_wins(strongest: int) -> None:
    def layer(number: int) -> str:
        return f"who: {LAYERS[number]}" if number <= strongest else "other: 1"

    loaded = inventory(
        f"all: {{vars: {{{layer(0)}}}}}\n"
        f"web: {{vars: {{{layer(1)}}}, hosts: {{web1: {{{layer(6)}}}}}}}\n",
        beside={
            "group_vars/all.yml": layer(2),
            "group_vars/web.yml": layer(4),
            "host_vars/web1.yml": layer(7),
        },
        project={
            "group_vars/all": layer(3),
            "group_vars/web.json": layer(5),
            "host_vars/web1/main.yml": layer(8),
        },
        extra=("{" + layer(9) + "}",),
    )

    assert loaded.host("web1").variables["who"] == LAYERS[strongest]


def test_a_child_beats_its_parent_and_the_later_in_the_alphabet_its_sibling() -> None:
    loaded = inventory("""
        zebra:
          vars: {who: parent, sibling: zebra}
          children:
            beta: {vars: {who: child, sibling: beta}, hosts: {web1: }}
            alpha: {vars: {sibling: alpha}, hosts: {web1: }}
    """)

    assert loaded.host("web1").variables["who"] == "child"
    assert loaded.host("web1").variables["sibling"] == "beta"


def test_the_depth_of_a_group_is_its_longest_way_from_the_top() -> None:
    loaded = inventory("""
        z: {vars: {who: z}, hosts: {web1: }}
        top: {children: {middle: {children: {a: {vars: {who: a}, hosts: {web1: }}}}}}
        other: {children: {a: }}
    """)

    assert loaded.groups["a"].depth == 3
    assert loaded.host("web1").variables["who"] == "a"


def test_priority_orders_groups_of_one_depth_and_their_files() -> None:
    loaded = inventory(
        """
        alpha: {vars: {ansible_group_priority: 5, who: alpha}, hosts: {web1: }}
        beta: {vars: {who: beta}, hosts: {web1: }}
        """,
        beside={"group_vars/alpha.yml": "file: alpha", "group_vars/beta.yml": "file: beta"},
    )
    variables = loaded.host("web1").variables

    assert variables["who"] == "alpha"
    assert variables["file"] == "alpha"
    assert "ansible_group_priority" not in variables


def test_no_priority_lifts_a_parent_above_its_child() -> None:
    loaded = inventory("""
        parent:
          vars: {ansible_group_priority: 99, who: parent}
          children: {child: {vars: {who: child}, hosts: {web1: }}}
    """)

    assert loaded.host("web1").variables["who"] == "child"


def test_a_mapping_is_replaced_whole() -> None:
    loaded = inventory(
        "all: {vars: {m: {a: 1, b: 2}}, hosts: {web1: }}", beside={"host_vars/web1": "m: {a: 3}"}
    )

    assert loaded.host("web1").variables["m"] == {"a": 3}


def test_a_directory_hides_the_file_of_the_same_name_and_its_files_add_up() -> None:
    loaded = inventory(
        "web: {hosts: {web1: }}",
        beside={
            "group_vars/web/a.yml": "x: a\ny: a",
            "group_vars/web/b.yml": "y: b",
            "group_vars/web.yml": "z: hidden",
        },
    )
    variables = loaded.host("web1").variables

    assert (variables["x"], variables["y"]) == ("a", "b")
    assert "z" not in variables


def test_a_variable_knows_the_file_that_won() -> None:
    loaded = inventory(
        "all: {hosts: {web1: {x: 1}}}", beside={"host_vars/web1.yml": "\nx:\n  - a\n  - b\n"}
    )

    assert loaded.host("web1").variables.place_of("x", (1,)) == Place("host_vars/web1.yml", 4)


def test_pairs_on_the_command_line_are_texts_and_yaml_keeps_its_types() -> None:
    variables = (
        inventory("all: {hosts: {web1: }}", extra=("a=1 b='two words'", "{c: 3, d: [4]}"))
        .host("web1")
        .variables
    )

    assert [variables[name] for name in "abcd"] == ["1", "two words", 3, [4]]


@pytest.mark.parametrize("extra", ["novalue", "a='open", "9x=1", "{a: ", "[1]"])
def test_a_wrong_extra_variable_is_refused(extra: str) -> None:
    with pytest.raises(InventoryError, match=r"^-e:[12]"):
        inventory("all: {hosts: {web1: }}", extra=(extra,))


def test_mistakes_in_several_variable_files_are_reported_together() -> None:
    with pytest.raises(InventoryError) as caught:
        inventory(
            "web: {hosts: {web1: , web2: }}",
            beside={"group_vars/web.yml": "- a", "host_vars/web1.yml": "a: 1\na: 2"},
        )

    assert caught.value.message.splitlines() == [
        "host_vars/web1.yml:2: 'a' is written twice, first on line 1",
        "group_vars/web.yml:1: the file: variables are a mapping, not a list",
    ]
