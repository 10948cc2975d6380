"""The matrix has every row of it tested, or says why not; and the page says what the tests say."""

from tests.faults.marks import Mark, marks
from tests.faults.matrix import AWAITED, BY_NUMBER, DEMANDED, FAULTS
from tests.faults.page import PAGE, page

MARKS = marks()
SHOWN = {number for mark in MARKS for number in mark.numbers}


def test_rows_are_numbered_without_a_gap() -> None:
    assert [one.number for one in FAULTS] == list(range(1, 71))


def test_every_mark_names_rows_that_there_are() -> None:
    assert {mark for mark in MARKS if not mark.numbers} == set()
    assert SHOWN - BY_NUMBER.keys() == set()


def test_every_row_has_a_test_or_the_reason_why_not() -> None:
    reasons = {one.number for one in FAULTS if one.untested}

    assert BY_NUMBER.keys() - SHOWN - reasons - AWAITED == set()


def test_no_reason_stands_in_for_a_test_that_was_promised() -> None:
    missing = DEMANDED - SHOWN - AWAITED

    assert missing == set()


def test_the_page_has_the_rows_and_tests_that_there_are() -> None:
    written = PAGE.read_text()

    assert written == page(written, {}, MARKS)


ONE, OTHER = (Mark("tests/test_x.py", f"test_{name}", (1,)) for name in ("one", "other"))


def result_of(number: int, text: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {number} |"))
    return line.split("|")[-2].strip()


def test_a_row_holds_only_if_every_test_of_it_does() -> None:
    both = {"tests/test_x.py::test_one": "passed", "tests/test_x.py::test_other": "passed"}

    assert result_of(1, page("", both, [ONE, OTHER])) == "holds"
    assert result_of(1, page("", {}, [ONE, OTHER])) == "not run"
    for outcome, word in (("failed", "does not hold"), ("skipped", "skipped")):
        both["tests/test_x.py::test_other"] = outcome
        assert result_of(1, page("", both, [ONE, OTHER])) == word


def test_results_stay_as_long_as_a_row_has_the_same_tests() -> None:
    written = page("", {"tests/test_x.py::test_one": "passed"}, [ONE])

    assert result_of(1, page(written, {}, [ONE])) == "holds"
    assert result_of(1, page(written, {}, [ONE, OTHER])) == "not run"
