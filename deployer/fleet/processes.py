"""
Tasks performed in several processes of this computer, for fleets that one interpreter is slow for.

Each process has a workplace and threads of its own, and hosts that stay its own: their connections
live there. Tasks, events and results go through pipes. A process that loses its controller ends at
once, as the controller did: the hosts then finish or undo by themselves what was begun there.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection as Pipe
from typing import Any, TypeVar

from deployer.errors import Interrupted
from deployer.fleet.executor import Task
from deployer.fleet.stopping import SIGNALS
from deployer.fleet.threads import Threads
from deployer.fleet.workplace import Workplace
from deployer.result import Event, Listener

Result = TypeVar("Result")
Furnish = Callable[[], Workplace]
"""Makes the workplace of a process, in that process."""

_GIVE_UP, _CLOSE = "give up", "close"


@dataclass(frozen=True, slots=True)
class _Order:
    number: int
    task: Task[Any]


@dataclass(frozen=True, slots=True)
class _Told:
    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class _Done:
    number: int
    result: Any
    error: BaseException | None


class Processes:
    """An executor that shares hosts out among processes, which it starts when it is made."""

    def __init__(self, count: int, furnish: Furnish, *, forks: int) -> None:
        """`forks`: how many hosts a run has at work at once, in all processes together."""
        # A copy of this process: nothing is imported again, and what `furnish` holds is there.
        context = multiprocessing.get_context("fork")
        self._workers: list[_Worker] = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            earlier = [worker.pipe for worker in self._workers]
            process = context.Process(
                target=_work, args=(theirs, (ours, *earlier), furnish, forks), daemon=True
            )
            process.start()
            theirs.close()
            self._workers.append(_Worker(ours, process.join))
        self._turns = cycle(self._workers)
        self._homes: dict[str, _Worker] = {}

    def submit(self, task: Task[Result], listen: Listener) -> Future[Result]:
        """Have a task performed where the connection to its host is, or will be."""
        if task.host not in self._homes:
            self._homes[task.host] = next(self._turns)
        return self._homes[task.host].submit(task, listen)

    def give_up(self) -> None:
        """Wait for nobody else any more, and for what is under way."""
        for worker in self._workers:
            worker.give_up()

    def close(self) -> None:
        """Wait for what is under way, and end the processes."""
        for worker in self._workers:
            worker.close()


class _Worker:
    """This side of a process: what it was given to do, and who wants to hear of it."""

    def __init__(self, pipe: Pipe, join: Callable[[], None]) -> None:
        self.pipe = pipe
        self._join = join
        self._lock = threading.Lock()
        self._number = 0
        self._under_way: dict[int, tuple[Task[Any], Future[Any], Listener]] = {}
        self._reader = threading.Thread(target=self._read, name="worker", daemon=True)
        self._reader.start()

    def submit(self, task: Task[Result], listen: Listener) -> Future[Result]:
        future: Future[Result] = Future()
        with self._lock:
            self._number += 1
            number = self._number
            self._under_way[number] = (task, future, listen)
            try:
                self.pipe.send(_Order(number, task))
            except OSError:
                self._lost(number)
        return future

    def give_up(self) -> None:
        self._say(_GIVE_UP)
        wait([future for _, future, _ in list(self._under_way.values())])

    def close(self) -> None:
        self._say(_CLOSE)
        self._reader.join()
        self._join()
        self.pipe.close()

    def _say(self, word: str) -> None:
        with self._lock:
            try:
                self.pipe.send(word)
            except OSError:
                return  # it has ended, and the reader knows

    def _read(self) -> None:
        while True:
            try:
                message = self.pipe.recv()
            except (EOFError, OSError):
                break
            match message:
                case _Told(number, event):
                    self._tell(number, event)
                case _Done(number, result, error):
                    self._settle(number, result, error)
        for number in list(self._under_way):
            self._lost(number)

    def _settle(self, number: int, result: Any, error: BaseException | None) -> None:
        if number not in self._under_way:
            return  # whoever listened to it had an error of its own
        _, future, _ = self._under_way.pop(number)
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _tell(self, number: int, event: Event) -> None:
        if number not in self._under_way:
            return
        _, future, listen = self._under_way[number]
        try:
            listen(event)
        except BaseException as bug:  # noqa: BLE001 - raised again by whoever asks for the result
            del self._under_way[number]
            future.set_exception(bug)

    def _lost(self, number: int) -> None:
        told = self._under_way.pop(number, None)
        if told is None:
            return  # a submit and the reader have both noticed
        task, future, _ = told
        hint = "if something was begun there, the host finishes or undoes it: deployer status"
        future.set_exception(
            Interrupted(task.host, "controller", "the process at work on it was killed", hint=hint)
        )


class _Desk:
    """The other side: where the tasks of one process arrive, and events and results leave."""

    def __init__(self, pipe: Pipe, place: Workplace, *, forks: int) -> None:
        self._pipe = pipe
        self._place = place
        self._threads = Threads(place, forks=forks)
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Perform tasks until there are no more."""
        while True:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(1)  # the controller is no more
            match message:
                case _Order(number, task):
                    future = self._threads.submit(task, partial(self._narrate, number))
                    future.add_done_callback(partial(self._done, number))
                case "give up":
                    self._place.gave_up.set()
                case "close":
                    self._threads.close()
                    return

    def _narrate(self, number: int, event: Event) -> None:
        self._send(_Told(number, event))

    def _done(self, number: int, future: Future[Any]) -> None:
        error = future.exception()
        self._send(_Done(number, None if error else future.result(), error))

    def _send(self, message: _Told | _Done) -> None:
        with self._lock:
            try:
                self._pipe.send(message)
            except OSError:
                os._exit(1)


def _work(pipe: Pipe, others: Sequence[Pipe], furnish: Furnish, forks: int) -> None:
    """Be one of the processes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a terminal tells all of us; the controller decides
    for other in others:
        other.close()
    _Desk(pipe, furnish(), forks=forks).serve()
