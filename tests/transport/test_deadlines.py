"""Every wait ends, whatever the peer does."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import paramiko
import pytest

from deployer.errors import Interrupted, Unreachable
from deployer.transport.deadlines import Deadlines
from deployer.transport.known_hosts import KnownHosts
from deployer.transport.ssh import connect
from deployer.transport.stream import ForwardingRefused
from tests.transport.conftest import logged_in
from tests.transport.relay import KEXINIT, NEWKEYS, relay
from tests.transport.sshd import Sshd, sshd, wait_for, way_to

SHORT = Deadlines(connect=0.5, handshake=0.5, authenticate=0.5)


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    """The block takes the time of its deadline and at most a second more, and leaves no thread."""
    started = time.monotonic()
    yield
    assert seconds - 0.1 < time.monotonic() - started < seconds + 1
    wait_for(lambda: None if helpers() else True, "end of the threads that helped")


def helpers() -> list[threading.Thread]:
    kinds = (paramiko.Transport, threading.Timer)
    return [thread for thread in threading.enumerate() if isinstance(thread, kinds)]


@pytest.mark.fault(2, how="a listener whose queue is full: the kernel answers nothing")
def test_a_peer_that_does_not_accept_is_given_up() -> None:
    # A full backlog: the kernel leaves the third handshake unanswered, as a black hole does.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(address)

        with (
            ends_within(0.5),
            pytest.raises(Unreachable, match=r"connect: no answer .* within 0.5 s"),
        ):
            connect(way_to(address[1]), known_hosts=KnownHosts(), timeouts=SHORT)

        for filler in fillers:
            filler.close()


@pytest.mark.fault(3)
def test_a_peer_without_a_banner_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ends_within(0.5),
        pytest.raises(Unreachable, match=r"web1: banner: nothing for 0.5 s"),
    ):
        connect(way_to(listener.getsockname()[1]), known_hosts=KnownHosts(), timeouts=SHORT)


@pytest.mark.fault(4, how="a peer that says its banner and no more")
def test_a_peer_that_falls_silent_after_its_banner_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            greeted, _ = listener.accept()
            with greeted:
                greeted.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                while greeted.recv(4096):
                    continue

        worker = threading.Thread(target=greet)
        worker.start()

        with ends_within(0.5), pytest.raises(Unreachable, match="web1: key exchange: nothing"):
            connect(way_to(listener.getsockname()[1]), known_hosts=KnownHosts(), timeouts=SHORT)

        worker.join()


@pytest.mark.fault(4, how="SIGSTOP for sshd during key exchange, and during login")
@pytest.mark.parametrize(
    ("at", "step"), [(KEXINIT, "key exchange: nothing"), (NEWKEYS, "authenticate: no answer")]
)
def test_a_host_that_stops_during_the_handshake_is_given_up(
    server: Sshd, at: int, step: str
) -> None:
    known = KnownHosts()
    with relay(server.port, at=at, act=server.freeze) as port:
        known.add(f"[127.0.0.1]:{port} {server.host_key()}")
        target = way_to(port, key=server.key)
        try:
            with ends_within(0.5), pytest.raises(Unreachable, match=rf"web1: {step}"):
                connect(target, known_hosts=known, timeouts=SHORT)
        finally:
            assert server.thaw()


@contextmanager
def frozen(server: Sshd) -> Iterator[None]:
    server.freeze()
    yield
    assert server.thaw()


def test_a_host_that_stops_during_a_command_is_given_up(server: Sshd) -> None:
    with (
        logged_in(server) as ssh,
        frozen(server),
        ends_within(0.5),
        pytest.raises(Interrupted, match=r"web1: run: cat did not end within 0\.5 s"),
    ):
        ssh.run(["cat"], timeout=0.5)


@pytest.mark.fault(5, how="SIGSTOP for sshd while 14 MiB flow")
def test_a_host_that_stops_while_much_flows_both_ways_is_given_up(server: Sshd) -> None:
    with logged_in(server) as ssh:
        timer = threading.Timer(0.1, server.freeze)
        timer.start()
        try:
            with ends_within(0.5), pytest.raises(Interrupted):
                ssh.run(["sh", "-c", "cat; sleep 20"], stdin=bytes(14 << 20), timeout=0.5)
        finally:
            timer.join()
            assert server.thaw()


def test_after_a_lost_connection_the_next_command_fails_at_once(server: Sshd) -> None:
    with logged_in(server) as ssh:
        with pytest.raises(Interrupted):
            ssh.run(["sleep", "20"], timeout=0.3)
        started = time.monotonic()

        with pytest.raises(Interrupted, match="web1: run: the connection was lost"):
            ssh.run(["true"], timeout=10)

        assert time.monotonic() - started < 0.5


def test_a_connection_cut_while_a_command_runs_is_an_interruption(
    server: Sshd, tmp_path: Path
) -> None:
    script = f"touch {tmp_path}/running; sleep 20"
    with logged_in(server) as ssh, ThreadPoolExecutor(1) as pool:
        running = pool.submit(ssh.run, ["sh", "-c", script], timeout=10)
        wait_for(lambda: (tmp_path / "running").exists() or None, "sign of the command")
        server.cut()

        with pytest.raises(Interrupted, match="web1: run: the connection was lost"):
            running.result()


def test_a_connection_cut_before_any_command_is_unreachable(server: Sshd) -> None:
    with logged_in(server) as ssh:
        server.cut()

        with pytest.raises(Unreachable, match="web1: run: the connection was lost"):
            ssh.run(["true"], timeout=10)


def test_a_host_that_allows_no_session_is_unreachable(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("nosession")
    with (
        sshd(home, extra="MaxSessions 0") as server,
        logged_in(server) as ssh,
        pytest.raises(Unreachable, match="opens no session"),
    ):
        ssh.run(["true"], timeout=10)


@pytest.mark.fault(10, how="`MaxSessions 1` and one command after the other")
def test_a_host_that_allows_one_session_is_given_the_time_to_end_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("onesession")
    with sshd(home, extra="MaxSessions 1") as server, logged_in(server) as ssh:
        for number in range(10):
            said = ssh.run(["echo", str(number)], timeout=10).stdout
            assert said == f"{number}\n".encode()


def test_a_refused_forwarding_is_an_error_of_its_own(sudo_server: Sshd) -> None:
    with logged_in(sudo_server, "forbidden") as ssh, pytest.raises(ForwardingRefused):
        ssh.dial("127.0.0.1", sudo_server.port, timeout=5)


def test_a_dialled_stream_notices_that_the_connection_ended(server: Sshd) -> None:
    with logged_in(server) as ssh, socket.create_server(("127.0.0.1", 0)) as listener:
        stream = ssh.dial("127.0.0.1", listener.getsockname()[1], timeout=10)
        server.cut()

        with pytest.raises(ConnectionResetError):
            stream.recv(1)

        with pytest.raises(OSError, match=r"ended|closed"):
            stream.sendall(bytes(1 << 20))


@pytest.fixture
def far_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, str, str]]:
    """An sshd on an address of its own, that it can lose."""
    name = f"far{os.getpid()}"
    network = f"10.213.{os.getpid() % 250}"
    cable = ["ip", "link", "delete", name]
    wires = [
        ["ip", "netns", "add", name],
        ["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name],
        ["ip", "address", "add", f"{network}.1/24", "dev", name],
        ["ip", "link", "set", name, "up"],
        ["ip", "-n", name, "address", "add", f"{network}.2/24", "dev", "eth0"],
        ["ip", "-n", name, "link", "set", "eth0", "up"],
    ]
    try:
        if (
            os.geteuid() != 0
            or subprocess.run(wires[0], check=False, capture_output=True).returncode
        ):
            pytest.skip("needs root and network namespaces, to take its address from a host")
        for wire in wires[1:]:
            subprocess.run(wire, check=True, capture_output=True)
        home = tmp_path_factory.mktemp("far")
        within = ("ip", "netns", "exec", name)
        with sshd(home, extra=f"ListenAddress {network}.2", within=within) as running:
            yield running, f"{network}.2", name
    finally:
        # The cable by itself: a network takes its time to vanish, and the name is used again.
        subprocess.run(cable, check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.mark.fault(6, how="a host in a namespace loses its address")
def test_a_peer_that_vanished_is_found_in_three_intervals(
    far_server: tuple[Sshd, str, str], tmp_path: Path
) -> None:
    server, address, netns = far_server
    known = KnownHosts()
    known.add(f"[{address}]:{server.port} {server.host_key()}")
    target = way_to(server.port, address=address, key=server.key)
    often = Deadlines(keepalive=1)
    script = f"touch {tmp_path}/running; sleep 20"
    with (
        closing(connect(target, known_hosts=known, timeouts=often)) as waiting,
        closing(connect(target, known_hosts=known, timeouts=often)) as sending,
        ThreadPoolExecutor(2) as pool,
    ):
        waits = [pool.submit(waiting.run, ["sh", "-c", script], timeout=60)]
        wait_for(lambda: (tmp_path / "running").exists() or None, "sign of the command")
        subprocess.run(["ip", "-n", netns, "address", "flush", "dev", "eth0"], check=True)
        started = time.monotonic()

        waits += [pool.submit(sending.run, ["cat"], stdin=bytes(8 << 20), timeout=60)]

        for wait in waits:
            with pytest.raises((Interrupted, Unreachable), match="the connection was lost"):
                wait.result()
        assert time.monotonic() - started < 4.5
