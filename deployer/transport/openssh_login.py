"""What `ssh` is told to log in with, what it may ask, and what its refusals mean."""

import re
from collections.abc import Sequence
from pathlib import Path

from deployer.errors import Unreachable
from deployer.spec.connection import Connection
from deployer.transport.backoff import Dropped
from deployer.transport.deadlines import Deadlines

# Said before everything else, so that no file and no variable wins over it (ssh_config(5)).
_OURS = (
    ("ControlMaster", "yes"),
    ("ControlPersist", "no"),
    ("PermitLocalCommand", "yes"),
    ("LocalCommand", "echo ready"),
    ("RemoteCommand", "none"),
    ("RequestTTY", "no"),
    ("ForkAfterAuthentication", "no"),
    ("ClearAllForwardings", "yes"),
    ("NumberOfPasswordPrompts", "1"),
    ("LogLevel", "INFO"),
)

_MEANINGS = (
    (r"Bad configuration option|terminating, |Bad .* argument|Can't open user", "ssh_config"),
    (r"HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key is known", "host key"),
    (r"Permission denied|Too many authentication failures|Authentication failed", "authenticate"),
    (r"banner|kex_exchange_identification|Connection (closed|reset)", "banner"),
    (r"Unable to negotiate|no matching", "key exchange"),
)
_HINTS = {
    "ssh_config": "ssh -G shows what ssh reads",
    "host key": "deployer hosts trust {name} shows its keys, and records them",
    "authenticate": "name a key with --private-key, or give a password with -k",
    "banner": "is that sshd? It may also be refusing our address",
    "key exchange": "see Ciphers, KexAlgorithms, MACs and HostKeyAlgorithms in ssh_config",
    "connect": "see ansible_host and ansible_port of {name}",
}

# "me@host's password:" and "(me@host) Password:". A jump host asks with a name of its own.
_WHOSE = re.compile(r"@([^\s()']+)")


def master_arguments(
    connection: Connection,
    *,
    known_hosts: Sequence[Path],
    accept_new: bool,
    timeouts: Deadlines,
) -> list[str]:
    """Write the arguments of an `ssh` that logs in and holds the connection."""
    said = dict(connection.options)
    options = list(_OURS)
    asks = connection.password is not None or connection.passphrase is not None
    options.append(("BatchMode", "no" if asks else "yes"))
    if not accept_new:
        options.append(("StrictHostKeyChecking", "yes"))
    if known_hosts:
        files = " ".join(f'"{path.expanduser()}"' for path in known_hosts)
        options += [("UserKnownHostsFile", files), ("GlobalKnownHostsFile", "/dev/null")]
    if timeouts.given or "connecttimeout" not in said:
        options.append(("ConnectTimeout", str(max(1, round(timeouts.connect)))))
    options += [
        ("ServerAliveInterval", str(timeouts.keepalive)),
        ("ServerAliveCountMax", "3"),
        *connection.options,
    ]
    file = ["-F", connection.config_file] if connection.config_file else []
    words = [word for name, value in options for word in ("-o", f"{name}={value}")]
    return [*file, "-N", "-T", *words, "--", connection.address]


def failure(connection: Connection, said: str, *, seconds: float | None) -> Unreachable:
    """Tell from the last words of `ssh`, or from the seconds it took, at which step it failed."""
    if seconds is not None:
        cause = f"ssh did not log in within {seconds:g} s"
        step = "connect"
    else:
        cause = said or "ssh ended without a word"
        step = next((step for words, step in _MEANINGS if re.search(words, said)), "connect")
    dropped = step == "banner" and "timed out" not in said
    kind = Dropped if dropped else Unreachable
    return kind(connection.name, step, cause, hint=_HINTS[step].format(name=connection.name))


class Questions:
    """What `ssh` may ask, and what it is told: each secret once, and only for its own host."""

    def __init__(self, connection: Connection, address: str) -> None:
        """`address`: what ssh_config makes of the connection's own."""
        self._password = connection.password
        self._passphrase = connection.passphrase
        self._names = {connection.address.lower(), address.lower()}

    def __call__(self, question: str) -> str | None:
        """Answer a question, or refuse to."""
        if "passphrase" in question.lower():
            said, self._passphrase = self._passphrase, None
            return said
        asked = _WHOSE.search(question)
        if "password" in question.lower() and asked and asked[1].lower() in self._names:
            said, self._password = self._password, None
            return said
        return None
