import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import DeployerError
from deployer.inventory.document import DEEPEST, read_document
from deployer.inventory.place import InventoryError, Located, Place, Unsafe
from deployer.inventory.sources import SourceFile


def read(text: str) -> Located:
    return read_document(SourceFile("file.yml", text))


def refused(text: str) -> str:
    with pytest.raises(InventoryError) as caught:
        read(text)
    return caught.value.message


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("010", 8),
        ("0x1f", 31),
        ("12:30:45", 45045),
        ("1_000", 1000),
        ("1e3", "1e3"),
        ("1.5", 1.5),
        ("~", None),
        ("2020-01-01", "2020-01-01"),
        ("'yes'", "yes"),
        ("!!str 5", "5"),
        ("! 5", "5"),
    ],
)
def test_plain_values_follow_yaml_1_1(written: str, value: object) -> None:
    assert read(f"key: {written}").plain() == {"key": value}


def test_a_value_knows_its_line() -> None:
    document = read("a: 1\nb:\n  - c: 2\n    d: 3\n  - e\n")

    assert document.place_of(("b",)) == Place("file.yml", 2)
    assert document.place_of(("b", 0, "d")) == Place("file.yml", 4)
    assert document.place_of(("b", 1)) == Place("file.yml", 5)


def test_what_is_not_written_has_the_place_of_what_is_around_it() -> None:
    document = read("a: 1\nb:\n  - c: 2\n")

    assert document.place_of(("b", 0, "missing", "deeper")) == Place("file.yml", 3)
    assert document.place_of(("b", 7)) == Place("file.yml", 2)


def test_an_empty_file_is_null() -> None:
    assert read("").plain() is None
    assert read("# nothing\n").plain() is None


def test_aliases_and_merges_are_followed_and_own_keys_win() -> None:
    text = "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nall: {<<: [*base, *more], a: 9}\n"

    assert read(text).plain() == {
        "base": {"a": 1, "b": 2},
        "more": {"b": 3, "c": 4},
        "all": {"a": 9, "b": 2, "c": 4},
    }


def test_a_text_tagged_unsafe_stays_marked() -> None:
    assert isinstance(read("a: !unsafe '{{ x }}'").plain()["a"], Unsafe)  # type: ignore[index]


def test_every_key_written_twice_is_reported_with_its_first_line() -> None:
    message = refused("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")

    assert message.splitlines() == [
        "file.yml:4: 'c' is written twice, first on line 3",
        "file.yml:5: 'a' is written twice, first on line 1",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: b: c", "file.yml:1:5"), ("a:\n\t- b", "file.yml:2:1"), ("a: [1,\n", "file.yml:2:1")],
)
def test_a_syntax_error_has_line_and_column(text: str, place: str) -> None:
    assert refused(text).startswith(f"{place}: not valid YAML: ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &x [*x]", "the alias *x contains itself"),
        ("a: *x", "the alias *x has no anchor"),
        ("a\n--- \nb", "a second document"),
        ("? [a]\n: b", "a key is one word"),
        ("<<: 3", "<< takes a mapping"),
        ("a: !!python/object/apply:os.system [id]", "the tag !!python/object/apply:os.system"),
        ("a: !!binary aGk=", "the tag !!binary has no meaning"),
        ("a: !!int x", "cannot be read as int"),
        ("a: " + "9" * 5000, "cannot be read as int"),
        ("a: \x00", "not valid YAML"),
        ("a: \ud800", "not valid Unicode"),
        ("[" * 100_000, f"nested more than {DEEPEST} levels"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, complaint: str) -> None:
    assert complaint in refused(text)


def test_a_chain_of_aliases_is_as_deep_as_what_it_stands_for() -> None:
    chain = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 500))

    assert "levels deep" in refused(chain)


def test_a_few_lines_of_aliases_cannot_stand_for_billions_of_values() -> None:
    bomb = "a0: &a0 [1]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )

    assert "aliases stand for more than" in refused(bomb)


@given(st.text())
def test_any_text_gives_a_value_or_an_error_with_a_place(text: str) -> None:
    message = "file.yml:"
    try:
        read(text).plain()
    except DeployerError as error:
        message = error.message

    assert message.startswith("file.yml:")


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                ": ",
                "- ",
                "\n",
                "  ",
                "[",
                "]",
                "{",
                "}",
                "&x ",
                "*x",
                "<<",
                "!vault ",
                "!",
                "'",
                '"',
                "|",
                "? ",
                ",",
                "---",
                "0",
                "#",
            ]
        )
    )
)
def test_any_heap_of_yaml_signs_gives_a_value_or_an_error_with_a_place(signs: list[str]) -> None:
    message = "file.yml:"
    try:
        read("".join(signs)).plain()
    except DeployerError as error:
        message = error.message

    assert message.startswith("file.yml:")
