"""
The SSH handshake: algorithms, the exchange of keys, and whose key it is.

Afterwards the line is private and the host is the one that was meant. Nothing of ours has been
sent before: no user name, no signature, no password.
"""

import re
import shlex
import socket
import time
from collections.abc import Collection, Sequence

import paramiko

from deployer.errors import Unreachable
from deployer.transport.backoff import Dropped
from deployer.transport.certificates import SUFFIX
from deployer.transport.deadlines import Deadlines, shutdown_after
from deployer.transport.known_hosts import HostKey, Known, KnownHosts, Verdict
from deployer.transport.recording import recorded_name, remember
from deployer.transport.revoked import revoked_keys
from deployer.transport.route import Route
from deployer.transport.session import LOST
from deployer.transport.wire import Wire

# Authenticated ciphers first: theirs is one pass in C, the others are two passes and some
# Python. The CBC modes that paramiko would still offer are not.
_CIPHERS = (
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)

_OPENING = 256
# What sshd says to those whom it has no time for (MaxStartups, PerSourcePenalties).
_BUSY = re.compile(r"MaxStartups|Not allowed at this time")


def exchange_keys(
    route: Route, session: paramiko.Transport, wire: Wire, known: Known, timeouts: Deadlines
) -> str:
    """
    Exchange keys with whoever is there, and return the name of the exchange (RFC 4253 §7.1).

    Raises `Dropped` or another `Unreachable`.
    """
    negotiate(route, session, known)
    agreed = _Noting(session._kex_info)  # type: ignore[attr-defined]  # noqa: SLF001
    session._kex_info = agreed  # type: ignore[attr-defined]  # noqa: SLF001
    # Ours is the only clock: theirs would end the wait without saying that time was up.
    session.banner_timeout = session.handshake_timeout = timeouts.handshake + 60
    opening = b""
    with shutdown_after(timeouts.handshake, wire.connection) as rang:
        try:
            wire.connection.settimeout(None)
            opening = wire.connection.recv(_OPENING, socket.MSG_PEEK)
            session.start_client()
        except LOST as error:
            step = "key exchange" if session.remote_version else "banner"
            if rang.is_set():
                cause = f"nothing for {timeouts.handshake:g} s"
            else:
                cause = str(error) or "the connection was closed"
            raise _lost(route, wire, step, cause, opening, silent=rang.is_set()) from error
    return agreed.last.removesuffix("@libssh.org")  # a name of curve25519-sha256 from before


class _Noting(dict[str, object]):
    """The exchanges that paramiko knows; notes which is taken, for paramiko forgets it."""

    last = ""

    def __getitem__(self, name: str) -> object:
        self.last = name
        return super().__getitem__(name)


def _lost(
    route: Route, wire: Wire, step: str, cause: str, opening: bytes, *, silent: bool
) -> Unreachable:
    """Tell a host that drops us from one that does not speak SSH, or not as we do."""
    hint = f"is that sshd on port {route.port}? It may also be refusing our address"
    if said := wire.last_words():
        return Unreachable(
            route.name, step, f"{cause}; the ProxyCommand says: {said}", hint="see ssh_config"
        )
    if step != "banner":
        if "ncompatible" in cause:
            hint = "--transport openssh may know an algorithm that this host knows"
        return Unreachable(route.name, step, cause, hint=hint)
    words = opening.decode(errors="replace").strip()
    if words and not words.startswith("SSH-"):
        cause = f"{cause}; it says: {words.splitlines()[0]}"
    dropped = not silent and (not words or _BUSY.search(words) is not None)
    kind = Dropped if dropped else Unreachable
    return kind(route.name, step, cause, hint=hint)


def negotiate(route: Route, session: paramiko.Transport, known: Known) -> None:
    """Offer what is strong, what was asked for, and what the host is known by first."""
    options = session.get_security_options()
    wished = route.algorithms
    options.ciphers = _allowed(_CIPHERS, wished.ciphers)
    options.kex = _allowed(options.kex, wished.kex)
    options.digests = _allowed(options.digests, wished.macs)
    kinds = tuple(options.key_types)
    if known.authorities:
        kinds = (*(f"{kind}{SUFFIX}" for kind in kinds), *kinds)
    options.key_types = _known_first(_allowed(kinds, wished.host_keys), known)
    session.use_compression(compress=route.compression)


def _allowed(ours: Sequence[str], wished: Collection[str] | None) -> tuple[str, ...]:
    """Keep what was wished for; if we know none of it, the host is left to refuse us."""
    kept = tuple(one for one in ours if wished is None or one in wished)
    return kept or tuple(ours)


def _known_first(offered: tuple[str, ...], known: Known) -> tuple[str, ...]:
    """
    Prefer certificates of known authorities, then the algorithms of the keys we know, as ssh(1).

    A host has several keys and shows the one we like best. Were that a type we have not
    recorded, a well-known host would look like a stranger.
    """
    types = {key.algorithm for key in known.keys}

    def rank(algorithm: str) -> int:
        if algorithm.endswith(SUFFIX):
            return 0
        # RSA keys have one type and several signature algorithms (RFC 8332).
        kind = "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm
        return 1 if kind in types else 2

    return tuple(sorted(offered, key=rank))


def shown_key(session: paramiko.Transport) -> HostKey:
    """Return what the host has proven to have the private half of: a key or a certificate."""
    key = session.get_remote_server_key()
    blob = key.public_blob
    if blob is not None:
        return HostKey(algorithm=blob.key_type, blob=blob.key_blob)
    return HostKey(algorithm=key.get_name(), blob=key.asbytes())


def check_host_key(
    route: Route, session: paramiko.Transport, known: Known, known_hosts: KnownHosts
) -> None:
    """Compare what the host has shown with what is known of it; raise `Unreachable`."""
    shown = shown_key(session)
    verdict, why = _judged(route, shown, known)
    if verdict is Verdict.UNKNOWN and route.accept_new and not known.authorities:
        # Believed once: whoever comes next in this run has to show the same key.
        with known_hosts.believing:
            verdict = known_hosts.lookup(route.known_as, route.recorded_port).judge(shown)
            if verdict is Verdict.UNKNOWN:
                line = remember(known_hosts.home, [(route, shown)])
                known_hosts.add(line, source=str(known_hosts.home))
                return
    if verdict is not Verdict.TRUSTED:
        cause, hint = _explained(route, shown, verdict, known)
        cause = f"{cause}: {why}" if why else cause
        raise Unreachable(route.name, "host key", cause, hint=hint)


def _judged(route: Route, shown: HostKey, known: Known) -> tuple[Verdict, str]:
    if revoked_keys(route) & shown.blobs:
        return Verdict.REVOKED, ""
    if not shown.is_certificate:
        return known.judge(shown), ""
    algorithms = route.algorithms.authorities
    return known.judge_certificate(shown, route.known_as, now=time.time(), algorithms=algorithms)


def _explained(route: Route, shown: HostKey, verdict: Verdict, known: Known) -> tuple[str, str]:
    """Say what is wrong with what a host has shown, and what to do."""
    name = recorded_name(route)
    saw = f"{shown.algorithm} {shown.fingerprint}"
    match verdict:
        case Verdict.CHANGED:
            expected = ", ".join(
                f"{key.algorithm} {key.fingerprint} ({key.source})" for key in known.keys
            )
            file = known.keys[0].source.rpartition(":")[0]
            forget = f"ssh-keygen -R {shlex.quote(name)} -f {file}"
            return (
                f"the host key has changed: it shows {saw}, known_hosts has {expected}",
                f"somebody may be in between; if the host was rebuilt: {forget}",
            )
        case Verdict.REVOKED:
            return (
                f"its host key {saw} is marked as revoked",
                "do not trust that machine; give the host a new key",
            )
        case Verdict.NOT_VOUCHED_FOR:
            return f"its host certificate {saw} proves nothing", "have its key signed again"
        case _:
            return (
                f"{name} is not in known_hosts; it shows {saw}",
                f"deployer hosts trust {route.name} shows its keys, and records them",
            )
