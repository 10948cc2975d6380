"""The connections of a run: one to each host, and another only when the first has ended."""

import threading
from collections.abc import Sequence

from deployer.fleet.workplace import Workplace
from deployer.spec.connection import Connection
from deployer.transport import Completed, Stream

WEB1 = Connection(name="web1", address="192.0.2.1")


class Line:
    """A way to a host that can be cut."""

    def __init__(self) -> None:
        self.is_open = True
        self.closed = threading.Event()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        raise NotImplementedError

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        raise NotImplementedError

    def close(self) -> None:
        self.closed.set()


class Lines:
    """Whoever makes them."""

    def __init__(self) -> None:
        self.made: list[Line] = []

    def __call__(self, connection: Connection) -> Line:
        assert connection is WEB1
        self.made.append(Line())
        return self.made[-1]

    def close(self) -> None: ...


def test_a_connection_serves_until_it_ends_and_is_then_made_again() -> None:
    lines = Lines()
    place = Workplace(lines)

    place.stranger(WEB1)
    place.stranger(WEB1)
    assert len(lines.made) == 1

    lines.made[0].is_open = False
    place.stranger(WEB1)
    place.stranger(WEB1)
    assert len(lines.made) == 2
    assert lines.made[0].closed.is_set()
    assert not lines.made[1].closed.is_set()


def test_two_tasks_of_a_host_make_one_connection() -> None:
    second_has_come = threading.Event()

    class Slow(Lines):
        def __call__(self, connection: Connection) -> Line:
            second_has_come.wait(timeout=0.2)  # in vain, as long as it is kept out
            return super().__call__(connection)

    lines = Slow()
    place = Workplace(lines)
    threads = [threading.Thread(target=place.stranger, args=[WEB1]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)

    assert len(lines.made) == 1
