"""What reaches a terminal."""

import pytest

from deployer.report import console


def test_a_name_cannot_give_orders_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.note("O=\x1b[2J evil \x9b1m")
    console.failure("CN=\x1b]0;title\x07", "see \x1b[1m")
    console.table(("NAME",), [("a\x1b[2Jb",)])

    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "\x9b" not in said.err
    assert r"\x1b[2J evil" in said.err
    assert r"a\x1b[2Jb" in said.out


@pytest.mark.parametrize("text", ["plain", "Zoë, Łucja & 名前", "two\nlines"])
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert console.printable(text) == text
