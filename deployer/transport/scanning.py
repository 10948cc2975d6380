"""Asking a host for its keys, and nothing else: no user is named and nobody logs in."""

from collections.abc import Callable

import paramiko

from deployer.errors import Unreachable
from deployer.transport.deadlines import Deadlines, shutdown_after
from deployer.transport.handshake import shown_key
from deployer.transport.known_hosts import HostKey
from deployer.transport.route import Route
from deployer.transport.session import LOST, close_session
from deployer.transport.wire import Wire

_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)


def scan(route: Route, reach: Callable[[], Wire], timeouts: Deadlines) -> tuple[HostKey, ...]:
    """
    Collect the keys of a host, one of each kind that it has.

    `reach` makes a new wire each time. Raises `Unreachable` where no key can be had.
    """
    keys: list[HostKey] = []
    refused: Unreachable | None = None
    for kinds in _KINDS:
        try:
            keys.append(_one(route, reach(), kinds, timeouts))
        except _HasNone:
            continue
        except Unreachable as error:
            refused = refused or error
    if not keys:
        raise refused or Unreachable(
            route.name, "key exchange", "the host has no key of a kind that we know"
        )
    return tuple(keys)


class _HasNone(Exception):
    """The host has no key of this kind."""


def _one(route: Route, wire: Wire, kinds: tuple[str, ...], timeouts: Deadlines) -> HostKey:
    session = paramiko.Transport(wire.connection)
    session.get_security_options().key_types = kinds
    session.banner_timeout = session.handshake_timeout = timeouts.handshake + 60
    try:
        with shutdown_after(timeouts.handshake, wire.connection) as rang:
            session.start_client()
            return shown_key(session)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise _HasNone from error
    except LOST as error:
        cause = f"nothing for {timeouts.handshake:g} s" if rang.is_set() else str(error)
        step = "key exchange" if session.remote_version else "banner"
        raise Unreachable(route.name, step, cause or "the connection was closed") from error
    finally:
        close_session(session, wire.connection)
        wire.release()
