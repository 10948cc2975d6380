"""The special cases, each asked of a real Apache."""

import pytest

from tests.live.house import House
from tests.live.particulars import PARTICULARS, Particular


@pytest.mark.parametrize("particular", PARTICULARS, ids=str)
def test_it_is_answered_as_it_should_be(particular: Particular, live: House) -> None:
    assert particular.ask(live) == particular.expected
