"""Which key exchange protects a connection can be said, and hybrids are used where both can."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from deployer.transport import Transport, key_exchange_of
from deployer.transport.deadlines import Deadlines
from deployer.transport.handshake import exchange_keys
from deployer.transport.known_hosts import Known
from deployer.transport.local import Local
from deployer.transport.route import Route
from deployer.transport.wire import Wire
from tests.transport.conftest import logged_in
from tests.transport.sshd import Sshd

HYBRID = "mlkem768x25519-sha256"


@contextmanager
def knowing(*exchanges: str) -> Iterator[socket.socket]:
    """An SSH server that knows these exchanges and no other, at the end of a wire."""
    ours, theirs = socket.socketpair()
    listening = paramiko.Transport(theirs)
    listening.add_server_key(paramiko.ECDSAKey.generate())
    listening.get_security_options().kex = exchanges
    done = threading.Event()
    listening.start_server(event=done, server=paramiko.ServerInterface())
    try:
        yield ours
    finally:
        listening.close()
        ours.close()


def exchanged(wire: socket.socket) -> str:
    session = paramiko.Transport(wire)
    try:
        route = Route(name="web1", address="web1", user="root")
        return exchange_keys(route, session, Wire(wire), Known(), Deadlines())
    finally:
        session.close()


def test_a_hybrid_is_used_where_both_sides_have_one() -> None:
    with knowing("curve25519-sha256@libssh.org", HYBRID) as wire:
        assert exchanged(wire) == HYBRID


def test_a_host_without_one_gets_the_best_that_it_has() -> None:
    with knowing("diffie-hellman-group14-sha256", "curve25519-sha256@libssh.org") as wire:
        assert exchanged(wire) == "curve25519-sha256"


def test_the_exchange_with_a_real_host_has_a_name(server: Sshd) -> None:
    with logged_in(server) as transport:
        assert key_exchange_of(transport) in {"curve25519-sha256", HYBRID}


def test_where_nothing_is_exchanged_there_is_none() -> None:
    here: Transport = Local("web1")

    assert not key_exchange_of(here)
