"""Many hosts at once: what is told, and what is not started."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from deployer.errors import DeployerError, Interrupted, NeedsHands, Unreachable
from deployer.fleet.executor import Executor, in_parallel, with_lull
from deployer.fleet.processes import Processes
from deployer.fleet.threads import Threads
from deployer.fleet.workplace import Workplace
from deployer.result import Event, Listener, Step
from deployer.spec.connection import Connection
from deployer.transport import Transport

FORKS = 2


class Nowhere:
    """No connections: these tasks need none."""

    def __call__(self, connection: Connection) -> Transport:
        raise Unreachable(connection.name, "connect", "there is no network here")

    def close(self) -> None: ...


@dataclass(frozen=True)
class Shout:
    """Return the name in capitals, or raise the error that is given."""

    host: str
    error: BaseException | None = None

    def perform(self, _: Workplace, listen: Listener) -> str:
        listen(Event(host=self.host, step=Step.OBSERVE, ended=False))
        if self.error is not None:
            raise self.error
        return self.host.upper()


@dataclass(frozen=True)
class WhichProcess:
    host: str

    def perform(self, _: Workplace, __: Listener) -> int:
        return os.getpid()


@dataclass(frozen=True)
class WaitForOthers:
    """As a host that another run holds is waited for."""

    host: str

    def perform(self, place: Workplace, listen: Listener) -> bool:
        listen(Event(host=self.host, step=Step.OBSERVE, ended=False))
        return place.gave_up.wait(timeout=60)


@dataclass(frozen=True)
class Die:
    host: str

    def perform(self, _: Workplace, __: Listener) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Do:
    """Something that only threads can: it closes over this test."""

    host: str
    what: Callable[[], Any] = field(repr=False)

    def perform(self, _: Workplace, __: Listener) -> Any:
        return self.what()


def furnish() -> Workplace:
    return Workplace(Nowhere())


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Heed Ctrl-C, also where a shell has started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def threads() -> Iterator[Executor]:
    executor = Threads(furnish(), forks=FORKS)
    yield executor
    executor.close()


@pytest.fixture
def processes() -> Iterator[Executor]:
    executor = Processes(2, furnish, forks=FORKS)
    yield executor
    executor.close()


@pytest.fixture(params=["threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Executor:
    """Every executor there is. A new one joins by adding its name here."""
    found: Executor = request.getfixturevalue(request.param)
    return found


def nobody(_: Event) -> None: ...


def ended(executor: Executor, *tasks: Any, listen: Listener = nobody) -> dict[str, Any]:
    done = in_parallel(executor, tasks, forks=FORKS, listen=listen)
    return {task.host: result for task, result in done}


def test_an_expected_failure_is_a_result_and_the_others_go_on(executor: Executor) -> None:
    refused = Unreachable("b", "connect", "refused", hint="try again")

    results = ended(executor, Shout("a"), Shout("b", refused), Shout("c"))

    assert (results["a"], results["c"]) == ("A", "C")
    assert isinstance(results["b"], Unreachable)
    assert (results["b"].host, results["b"].step) == ("b", "connect")
    assert (results["b"].cause, results["b"].hint) == ("refused", "try again")


@pytest.mark.parametrize("error", [NeedsHands("a", "probe", "?"), DeployerError("no", hint="h")])
def test_an_error_of_any_kind_stays_what_it_was(executor: Executor, error: DeployerError) -> None:
    (found,) = ended(executor, Shout("a", error)).values()

    assert (type(found), found.message, found.hint) == (type(error), error.message, error.hint)


def test_a_bug_ends_everything(executor: Executor) -> None:
    with pytest.raises(ZeroDivisionError):
        ended(executor, Shout("a", ZeroDivisionError("bug")), Shout("b"))


def test_a_bug_of_whoever_listens_ends_everything(executor: Executor) -> None:
    def listen(_: Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ended(executor, Shout("a"), Shout("b"), listen=listen)


def test_whoever_submits_hears_of_the_steps(executor: Executor) -> None:
    told: list[str] = []

    ended(executor, Shout("a"), Shout("b"), listen=lambda event: told.append(event.host))

    assert sorted(told) == ["a", "b"]


def test_no_more_are_under_way_than_there_are_forks(threads: Executor) -> None:
    under_way, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(FORKS, timeout=30)

    def work() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        full.wait()
        with lock:
            under_way -= 1

    ended(threads, *(Do(str(number), work) for number in range(6)))

    assert most == FORKS


def test_the_next_task_is_taken_when_what_had_ended_was_told(threads: Executor) -> None:
    told: list[str] = []

    def tasks() -> Iterator[Shout]:
        yield Shout("a")
        yield Shout("b")
        assert told, "whoever decides about the third knows how the first has ended"
        yield Shout("c")

    for task, _ in in_parallel(threads, tasks(), forks=FORKS, listen=nobody):
        told.append(task.host)

    assert sorted(told) == ["a", "b", "c"]


def test_those_that_keep_the_others_waiting_are_told_of_once(threads: Executor) -> None:
    answered = threading.Event()
    tasks: list[Any] = [Do("late", answered.wait), Shout("a")]
    told: list[str | None] = []

    for one in with_lull(threads, tasks, forks=3, listen=nobody, lull=0.05):
        told.append(one and one[0].host)
        if one is None:
            answered.set()

    assert told == ["a", None, "late"]


def test_nobody_goes_on_as_long_as_some_have_not_begun(threads: Executor) -> None:
    answered = threading.Event()
    tasks: list[Any] = [
        Shout("a"),
        Do("late", answered.wait),
        Do("later", partial(answered.wait, 0.3)),
    ]
    told = with_lull(threads, tasks, forks=1, listen=nobody, lull=0.05)

    assert (next(told) or [Shout("")])[0].host == "a"
    answered.set()
    assert [one and one[0].host for one in told] == ["late", "later"]


def test_hosts_are_shared_out_and_each_stays_with_its_process(processes: Executor) -> None:
    names = ["a", "b", "c", "d"]

    first = ended(processes, *map(WhichProcess, names))
    again = ended(processes, *map(WhichProcess, names))

    assert first == again
    assert len(set(first.values())) == FORKS
    assert os.getpid() not in first.values()


def test_a_process_that_is_killed_leaves_its_hosts_unknown_and_the_others_go_on(
    processes: Executor,
) -> None:
    results = ended(processes, Die("a"), Shout("b"))
    later = ended(processes, Shout("a"), Shout("b"))

    assert isinstance(results["a"], Interrupted)
    assert isinstance(later["a"], Interrupted)
    assert (results["b"], later["b"]) == ("B", "B")


def test_an_interrupt_starts_nothing_more_and_tells_of_what_was_in_flight(
    threads: Executor,
) -> None:
    started: list[int] = []
    interrupted = threading.Event()

    def work(number: int) -> int:
        started.append(number)
        if number == 1:
            os.kill(os.getpid(), signal.SIGINT)
            interrupted.set()
        interrupted.wait(timeout=30)
        return number

    tasks = (Do(str(number), partial(work, number)) for number in range(20))
    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        told.extend(result for _, result in in_parallel(threads, tasks, forks=FORKS, listen=nobody))

    assert set(told) == set(started)
    assert len(started) < 20


def test_an_interrupt_ends_the_wait_for_others(executor: Executor) -> None:
    waiting = threading.Barrier(FORKS, timeout=30)

    def interrupt(_: Event) -> None:
        if waiting.wait() == 0:
            os.kill(os.getpid(), signal.SIGINT)

    told: list[bool] = []
    tasks = map(WaitForOthers, ["a", "b", "c"])
    with pytest.raises(KeyboardInterrupt):
        told.extend(
            result for _, result in in_parallel(executor, tasks, forks=FORKS, listen=interrupt)
        )

    assert told == [True, True]


def test_whoever_closes_it_does_not_wait_for_others(executor: Executor) -> None:
    begun = threading.Event()

    future = executor.submit(WaitForOthers("a"), lambda _: begun.set())
    assert begun.wait(timeout=30)
    executor.close()

    assert future.result(timeout=30)
