"""
Opening an SSH connection to a host: reach it, know it, log in.

The host's key is compared with known_hosts before anything of ours is sent: no user name, no
signature, no password reaches a host that is not the one meant. Nothing is asked and nothing
is learnt on the way; a key that is not known is refused, with what to type next.
"""

import logging
import shlex
import socket
from pathlib import Path

import paramiko

from deployer.errors import Unreachable
from deployer.spec.connection import Connection
from deployer.transport.deadlines import Deadlines, shutdown_after
from deployer.transport.known_hosts import (
    SSH_PORT,
    HostKey,
    Known,
    KnownHosts,
    Verdict,
)
from deployer.transport.login import Login
from deployer.transport.session import LOST, SSH, close_session
from deployer.transport.tcp import NotResolved, keep_alive, open_connection

# What matters of paramiko's log is in the errors raised here; the rest would be printed
# between the lines of a report, once for each host.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

# Authenticated ciphers first: theirs is one pass in C, the others are two passes and some
# Python. The CBC modes that paramiko would still offer are not.
_CIPHERS = (
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)


def connect(
    connection: Connection, *, known_hosts: KnownHosts, timeouts: Deadlines | None = None
) -> SSH:
    """
    Open a connection to a host whose key is already known, and no other.

    Raises `Unreachable` with the step that failed. Every step has its own deadline.
    """
    timeouts = timeouts or Deadlines()
    login = Login(connection)
    known = known_hosts.lookup(connection.address, connection.port)
    wire = _reach(connection, timeouts)
    session = paramiko.Transport(wire)
    try:
        _shake_hands(connection, session, wire, known, timeouts)
        _check_host_key(connection, session, known, known_hosts.home)
        login.log_in(session, wire, timeout=timeouts.authenticate)
    except BaseException:
        close_session(session, wire)
        raise
    return SSH(connection.name, session, wire, become=connection.become, timeouts=timeouts)


def _reach(connection: Connection, timeouts: Deadlines) -> socket.socket:
    name = connection.address
    where = f"[{name}]:{connection.port}" if ":" in name else f"{name}:{connection.port}"
    hint = f"see ansible_host and ansible_port of {connection.name}"
    try:
        wire = open_connection(name, connection.port, timeout=timeouts.connect)
    except NotResolved as error:
        cause = f"the name {name} does not resolve: {error}"
    except TimeoutError:
        cause = f"no answer from {where} within {timeouts.connect:g} s"
    except ConnectionRefusedError:
        cause = f"{where} refused the connection"
        hint = f"does sshd run on {connection.name}? {hint}"
    except OSError as error:
        cause = f"{where}: {error.strerror or error}"
    else:
        keep_alive(wire, timeouts.keepalive)
        return wire
    raise Unreachable(connection.name, "connect", cause, hint=hint)


def _shake_hands(
    connection: Connection,
    session: paramiko.Transport,
    wire: socket.socket,
    known: Known,
    timeouts: Deadlines,
) -> None:
    """Exchange keys; afterwards the line is private, but whose it is has not been checked."""
    options = session.get_security_options()
    options.ciphers = _CIPHERS
    options.key_types = _known_first(tuple(options.key_types), known)
    # Ours is the only clock: theirs would end the wait without saying that time was up.
    session.banner_timeout = session.handshake_timeout = timeouts.handshake + 60
    with shutdown_after(timeouts.handshake, wire) as rang:
        try:
            session.start_client()
        except LOST as error:
            step = "key exchange" if session.remote_version else "banner"
            if rang.is_set():
                cause = f"nothing for {timeouts.handshake:g} s"
            else:
                cause = str(error) or "the connection was closed"
            hint = f"is that sshd on port {connection.port}? It may also be refusing our address"
            raise Unreachable(connection.name, step, cause, hint=hint) from error


def _known_first(offered: tuple[str, ...], known: Known) -> tuple[str, ...]:
    """
    Prefer the algorithms of the keys we know, as ssh(1) does.

    A host has several keys and shows the one we like best. Were that a type we have not
    recorded, a well-known host would look like a stranger.
    """
    types = {key.algorithm for key in known.keys}

    def is_new(algorithm: str) -> bool:
        # RSA keys have one type and several signature algorithms (RFC 8332).
        return ("ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm) not in types

    return tuple(sorted(offered, key=is_new))


def _check_host_key(
    connection: Connection, session: paramiko.Transport, known: Known, home: Path
) -> None:
    key = session.get_remote_server_key()
    shown = HostKey(algorithm=key.get_name(), blob=key.asbytes())
    name = connection.address
    if connection.port != SSH_PORT:
        name = f"[{connection.address}]:{connection.port}"
    saw = f"{shown.algorithm} {shown.fingerprint}"
    match known.judge(shown):
        case Verdict.TRUSTED:
            return
        case Verdict.UNKNOWN:
            cause = f"{name} is not in known_hosts; it shows {saw}"
            scan = ["ssh-keyscan", "-p", str(connection.port), connection.address]
            hint = f"if that is its fingerprint: {shlex.join(scan)} >> {home}"
        case Verdict.CHANGED:
            expected = ", ".join(
                f"{key.algorithm} {key.fingerprint} ({key.source})" for key in known.keys
            )
            cause = f"the host key has changed: it shows {saw}, known_hosts has {expected}"
            file = known.keys[0].source.rpartition(":")[0]
            hint = (
                "somebody may be in between; if the host was rebuilt: "
                f"ssh-keygen -R {shlex.quote(name)} -f {file}"
            )
        case Verdict.REVOKED:
            cause = f"its host key {saw} is marked @revoked in known_hosts"
            hint = "do not trust that machine; give the host a new key"
    raise Unreachable(connection.name, "host key", cause, hint=hint)
