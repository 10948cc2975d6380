"""Many hosts at once: what is told, and what is not started."""

import os
import signal
import threading

import pytest

from deployer.errors import Unreachable
from deployer.fleet.executor import in_parallel


def test_an_expected_failure_is_a_result_and_the_others_go_on() -> None:
    def work(name: str) -> str:
        if name == "b":
            raise Unreachable("b", "connect", "refused")
        return name.upper()

    results = dict(in_parallel(work, ["a", "b", "c"], forks=2))

    assert results["a"] == "A"
    assert isinstance(results["b"], Unreachable)
    assert results["c"] == "C"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_parallel(lambda number: 1 // number, [0], forks=1))


def test_an_interrupt_starts_nothing_more_and_tells_of_what_was_in_flight() -> None:
    started: list[int] = []
    interrupted = threading.Event()

    def work(number: int) -> int:
        started.append(number)
        if number == 1:
            os.kill(os.getpid(), signal.SIGINT)
            interrupted.set()
        interrupted.wait(timeout=30)
        return number

    told: list[object] = []
    with pytest.raises(KeyboardInterrupt):
        told.extend(result for _, result in in_parallel(work, range(20), forks=2))

    assert set(told) == set(started)
    assert len(started) < 20
