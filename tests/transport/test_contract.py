"""What every transport promises."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from deployer.errors import Interrupted
from deployer.transport import Transport
from deployer.transport.conversation import OUTPUT_LIMIT

MIB = 1 << 20


@pytest.fixture
def echo() -> Iterator[int]:
    """A loopback server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = threading.Thread(target=_echo, args=(listener,))
        worker.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        worker.join()


def _echo(listener: socket.socket) -> None:
    with suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)


def test_standard_input_arrives_byte_for_byte(transport: Transport) -> None:
    every_byte = bytes(range(256)) * 512

    assert transport.run(["cat"], stdin=every_byte, timeout=20).stdout == every_byte


@pytest.mark.fault(67, how="arguments such as `$(id)`")
def test_arguments_are_not_read_by_a_shell(transport: Transport) -> None:
    hostile = ["$(id) `id` 'q' \"d\" * ; exit 9\n", "", "-n", "~", "a\\b\tc", "déjà ☃", "%s", "#x"]

    done = transport.run(["printf", "%s|", *hostile], timeout=20)

    assert done.stdout.decode() == "|".join(hostile) + "|"


def test_status_and_both_streams_come_back(transport: Transport) -> None:
    script = "printf out; printf err >&2; exit 3"

    done = transport.run(["sh", "-c", script], timeout=20)

    assert (done.status, done.stdout, done.stderr) == (3, b"out", b"err")


def test_a_command_that_does_not_exist_is_a_status(transport: Transport) -> None:
    done = transport.run(["no-such-command-here"], timeout=20)

    assert done.status == 127
    assert "no-such-command-here" in done.last_words


def test_a_command_ended_by_a_signal_has_a_status_above_128(transport: Transport) -> None:
    assert transport.run(["sh", "-c", "kill -TERM $$"], timeout=20).status > 128


def test_without_input_a_command_reads_the_end_at_once(transport: Transport) -> None:
    assert transport.run(["cat"], timeout=20).stdout == b""


def test_much_flows_both_ways_at_once(transport: Transport) -> None:
    # More than two SSH windows each way, and the second stream as well.
    payload = bytes(range(256)) * (8 * MIB // 256)

    done = transport.run(
        ["sh", "-c", "head -c 3145728 /dev/zero >&2; cat"], stdin=payload, timeout=60
    )

    assert done.stdout == payload
    assert done.stderr == bytes(3 * MIB)


def test_a_command_need_not_read_its_input(transport: Transport) -> None:
    done = transport.run(["sh", "-c", "echo no thanks; exit 4"], stdin=bytes(4 * MIB), timeout=20)

    assert (done.status, done.stdout) == (4, b"no thanks\n")


def test_a_command_may_close_its_streams_and_go_on(transport: Transport) -> None:
    script = "exec >&- 2>&- <&-; sleep 0.2; exit 5"

    assert transport.run(["sh", "-c", script], stdin=bytes(4 * MIB), timeout=20).status == 5


def test_one_connection_runs_many_commands(transport: Transport) -> None:
    said = [transport.run(["echo", str(n)], timeout=20).stdout for n in range(5)]

    assert said == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n"]


def test_a_command_that_sleeps_is_given_up_in_time(transport: Transport) -> None:
    started = time.monotonic()

    with pytest.raises(Interrupted, match=r"run: sleep did not end within 0\.4 s"):
        transport.run(["sleep", "20"], stdin=bytes(8 * MIB), timeout=0.4)

    assert time.monotonic() - started < 1.4


def test_a_command_that_never_stops_talking_is_cut_off(transport: Transport) -> None:
    with pytest.raises(Interrupted, match="yes wrote more than 16 MiB"):
        transport.run(["yes"], timeout=60)

    assert OUTPUT_LIMIT == 16 * MIB


def test_dial_reaches_what_the_host_can_reach(transport: Transport, echo: int) -> None:
    stream = transport.dial("127.0.0.1", echo, timeout=10)
    payload = b"hello" * 20000
    heard = b""

    stream.sendall(payload)
    while len(heard) < len(payload):
        heard += stream.recv(65536)
    stream.close()

    assert heard == payload


def test_a_silent_peer_does_not_hold_a_dialled_stream(transport: Transport, echo: int) -> None:
    started = time.monotonic()
    stream = transport.dial("127.0.0.1", echo, timeout=0.2)

    with pytest.raises(TimeoutError):
        stream.recv(1)

    stream.close()
    assert time.monotonic() - started < 1.2


def test_dialling_a_closed_port_is_an_os_error(transport: Transport) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        with pytest.raises(ConnectionRefusedError):
            transport.dial("127.0.0.1", unused.getsockname()[1], timeout=10)


def test_closing_twice_is_harmless(transport: Transport) -> None:
    transport.close()
    transport.close()
