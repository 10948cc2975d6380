"""
Proving who we are to a host whose key has been checked.

What the inventory names comes first, then what lies around: a key file, a password, the
agent's keys, the user's own identity files. Servers count attempts, so the likely proofs
must not queue behind an agent full of others.
"""

import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import paramiko

from deployer.errors import Unreachable
from deployer.transport.deadlines import shutdown_after
from deployer.transport.keys import (
    IDENTITY_FILES,
    EncryptedKey,
    UnusableKey,
    agent_keys,
    agent_socket,
    certify,
    load_key,
    parse_key,
    public_half,
)
from deployer.transport.route import Route
from deployer.transport.session import LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One way to prove who we are, and what to call it in an error."""

    what: str
    offer: Callable[[paramiko.Transport, str], object] = field(repr=False)


class Login:
    """What can be offered to one host."""

    def __init__(self, route: Route) -> None:
        self._route = route
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
                if prove(session, self._route.user, proofs, refused):
                    return
                cause = "the host accepts none of what we have"
            except LOST as error:
                cause = f"the connection ended: {error}"
            if rang.is_set():
                cause = f"no answer within {timeout:g} s"
        raise self._failure(cause, refused)

    @property
    def _by_keys(self) -> bool:
        return "publickey" in self._route.methods

    def _gather_named(self) -> Iterator[Proof]:
        route, host = self._route, self._route.name
        if route.private_key is not None:
            try:
                key = parse_key(route.private_key.encode(), "the inventory's key", route.passphrase)
            except UnusableKey as error:
                hint = f"see ansible_private_key and ansible_private_key_passphrase of {host}"
                raise Unreachable(host, "authenticate", str(error), hint=hint) from error
            yield _by_key("the inventory's key", key)
        if route.private_key_file:
            try:
                key = self._loaded(route.private_key_file, route.passphrase)
                yield _by_key(f"key {route.private_key_file}", key)
            except EncryptedKey:  # the agent may hold it
                self._encrypted.append(route.private_key_file)
            except UnusableKey as error:
                hint = f"see ansible_ssh_private_key_file of {host}, or --private-key"
                raise Unreachable(host, "authenticate", str(error), hint=hint) from error
        if self._by_keys:
            yield from self._of_files(route.identity_files)
        if route.password is not None and route.methods & {"password", "keyboard-interactive"}:
            yield _by_password(route.password)

    def _found(self, opened: ExitStack, timeout: float) -> Iterator[Proof]:
        """Find what was not named; the agent is only asked when it comes to that."""
        route = self._route
        if not self._by_keys:
            return
        agent = opened.enter_context(agent_keys(agent_socket(route.agent), timeout))
        named = self._public_halves() if route.identities_only else None
        for key in agent:
            if named is None or key.asbytes() in named:
                certify(key, route.certificate_files)
                yield _by_key("agent key", key)
        if route.private_key_file or route.private_key or route.identity_files:
            return
        held = {key.asbytes() for key in agent}
        yield from self._of_files(IDENTITY_FILES, besides=held)

    def _of_files(
        self, paths: Sequence[Path], besides: Collection[bytes] = frozenset()
    ) -> Iterator[Proof]:
        """Take what can be used of these; ssh passes over the others too."""
        for path in paths:
            try:
                key = self._loaded(path)
            except EncryptedKey:
                self._encrypted.append(path)
            except UnusableKey:
                continue
            else:
                if key.asbytes() not in besides:
                    yield _by_key(f"key {path}", key)

    def _loaded(self, path: Path, passphrase: str | None = None) -> paramiko.PKey:
        key = load_key(path, passphrase)
        certify(key, self._route.certificate_files)
        return key

    def _public_halves(self) -> frozenset[bytes]:
        """Collect the public keys beside the files that were named (IdentitiesOnly)."""
        route = self._route
        files = (*route.identity_files, *filter(None, [route.private_key_file]))
        return frozenset(half for path in files if (half := public_half(path)))

    def _failure(self, cause: str, refused: Sequence[str]) -> Unreachable:
        route = self._route
        parts = [f"{cause} for user {route.user}"]
        parts.append(f"tried {', '.join(refused)}" if refused else "nothing could be tried")
        parts += [f"{path} is encrypted and not in the agent" for path in self._encrypted]
        hint = "name a key with --private-key, or give a password with -k"
        if route.beyond_us:
            hint = f"--transport openssh can follow {', '.join(route.beyond_us)} of ssh_config"
        if self._encrypted:
            hint = f"ssh-add {self._encrypted[0]}"
        return Unreachable(route.name, "authenticate", "; ".join(parts), hint=hint)


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
