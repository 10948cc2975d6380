"""
Proving who we are to a host whose key has been checked.

What the inventory names comes first, then what lies around: a key file, a password, the
agent's keys, the user's own identity files. Servers count attempts, so the likely proofs
must not queue behind an agent full of others.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import paramiko

from deployer.errors import Unreachable
from deployer.spec.connection import Connection
from deployer.transport.deadlines import shutdown_after
from deployer.transport.keys import (
    IDENTITY_FILES,
    EncryptedKey,
    UnusableKey,
    agent_keys,
    load_key,
)
from deployer.transport.session import LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One way to prove who we are, and what to call it in an error."""

    what: str
    offer: Callable[[paramiko.Transport, str], object] = field(repr=False)


class Login:
    """What can be offered to one host."""

    def __init__(self, connection: Connection) -> None:
        self._host = connection.name
        self._user = connection.user
        self._key_file = Path(connection.private_key_file) if connection.private_key_file else None
        self._password = connection.password
        self._encrypted: list[Path] = []
        self._named = list(self._gather_named())

    def log_in(self, session: paramiko.Transport, wire: socket.socket, *, timeout: float) -> None:
        """Log in, or raise `Unreachable` with everything that was tried."""
        # Ours is the only clock: theirs would end the wait without saying that time was up.
        session.auth_timeout = timeout + 60
        refused: list[str] = []
        with shutdown_after(timeout, wire) as rang, ExitStack() as opened:
            proofs = chain(self._named, self._found(opened, timeout))
            try:
                if prove(session, self._user, proofs, refused):
                    return
                cause = "the host accepts none of what we have"
            except LOST as error:
                cause = f"the connection ended: {error}"
            if rang.is_set():
                cause = f"no answer within {timeout:g} s"
        raise self._failure(cause, refused)

    def _gather_named(self) -> Iterator[Proof]:
        if self._key_file:
            try:
                yield _by_key(f"key {self._key_file}", load_key(self._key_file))
            except EncryptedKey:  # the agent may hold it
                self._encrypted.append(self._key_file)
            except UnusableKey as error:
                hint = f"see ansible_ssh_private_key_file of {self._host}, or --private-key"
                raise Unreachable(self._host, "authenticate", str(error), hint=hint) from error
        if self._password is not None:
            yield _by_password(self._password)

    def _found(self, opened: ExitStack, timeout: float) -> Iterator[Proof]:
        """Find what was not named; the agent is only asked when it comes to that."""
        agent = opened.enter_context(agent_keys(timeout))
        for key in agent:
            yield _by_key("agent key", key)
        if self._key_file:
            return
        for path in IDENTITY_FILES:
            try:
                key = load_key(path)
            except EncryptedKey:
                self._encrypted.append(path)
            except UnusableKey:
                continue
            else:
                if key.asbytes() not in {held.asbytes() for held in agent}:
                    yield _by_key(f"key {path}", key)

    def _failure(self, cause: str, refused: Sequence[str]) -> Unreachable:
        parts = [f"{cause} for user {self._user}"]
        parts.append(f"tried {', '.join(refused)}" if refused else "nothing could be tried")
        parts += [f"{path} is encrypted and not in the agent" for path in self._encrypted]
        hint = "name a key with --private-key, or give a password with -k"
        if self._encrypted:
            hint = f"ssh-add {self._encrypted[0]}"
        return Unreachable(self._host, "authenticate", "; ".join(parts), hint=hint)


def prove(
    session: paramiko.Transport, user: str, proofs: Iterator[Proof], refused: list[str]
) -> bool:
    """
    Offer proofs until the host is content, and note those it refused.

    A host may want two proofs, in an order of its own (sshd's AuthenticationMethods). One of
    a kind that it does not want yet is therefore offered again after the next success.
    """
    unwanted: list[Proof] = []
    while proof := next(proofs, None):
        try:
            proof.offer(session, user)
        except paramiko.BadAuthenticationType:
            unwanted.append(proof)
            continue
        except paramiko.AuthenticationException:
            refused.append(proof.what)
            if not session.is_active():
                raise  # it hung up: too many attempts, or the deadline
            continue
        if session.is_authenticated():
            return True
        proofs = chain(unwanted, proofs)
        unwanted = []
    refused += [f"{proof.what} (not asked for)" for proof in unwanted]
    return False


def _by_key(what: str, key: paramiko.PKey) -> Proof:
    return Proof(
        what=f"{what} {key.fingerprint}",
        offer=lambda session, user: session.auth_publickey(user, key),
    )


def _by_password(password: str) -> Proof:
    """Offer a password, also where the host asks for it as a question."""
    return Proof(
        what="the password",
        offer=lambda session, user: session.auth_password(user, password),
    )
