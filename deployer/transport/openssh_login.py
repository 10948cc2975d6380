"""What `ssh` is told to log in with, what it may ask, and what its refusals mean."""

import re
from collections.abc import Sequence
from pathlib import Path

from deployer.errors import Unreachable
from deployer.spec.connection import Connection
from deployer.spec.ssh_arguments import Option
from deployer.transport.backoff import Dropped
from deployer.transport.deadlines import Deadlines
from deployer.transport.route import Route

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

# "me@host's password:" and "(me@host) Password:", where the name of the user may hold an @ too. A
# jump host asks with a name of its own.
_WHOSE = re.compile(r"@([^\s()'@]+)(?:'s |\) )")
# A host can ask anything, but only with "(me@host)" before it.
_PASSPHRASE = re.compile(r"Enter passphrase for (?:key )?'(?P<file>[^']+)': ?")


def key_checking(known_hosts: Sequence[Path], *, accept_new: bool) -> tuple[Option, ...]:
    """Say how host keys are checked, whatever files and variables say about that."""
    options = [
        ("StrictHostKeyChecking", "accept-new" if accept_new else "yes"),
        ("NoHostAuthenticationForLocalhost", "no"),
        ("VerifyHostKeyDNS", "no"),
    ]
    if known_hosts:
        files = " ".join(f'"{path.expanduser().absolute()}"' for path in known_hosts)
        options += [("UserKnownHostsFile", files), ("GlobalKnownHostsFile", "/dev/null")]
    return tuple(options)


def configuration(config_file: str | None, checking: Sequence[Option]) -> str:
    """
    Write an ssh_config that holds for the connections to jump hosts too.

    `ssh` hands nothing but the name of this file on to the `ssh` that it starts for a jump host.
    What is said here comes first, and so nothing that is included wins over it.
    """
    lines = [f"{name} {value}" for name, value in checking]
    included = [config_file] if config_file else ["~/.ssh/config", "/etc/ssh/ssh_config"]
    if config_file != "none":
        lines += [f'Include "{_absolute(path)}"' for path in included]
    return "\n".join(lines) + "\n"


def _absolute(path: str) -> str:
    # A relative one would be looked for in ~/.ssh.
    return path if path.startswith("~") else str(Path(path).absolute())


def master_arguments(
    connection: Connection,
    configuration_file: Path,
    checking: Sequence[Option],
    timeouts: Deadlines,
) -> list[str]:
    """Write the arguments of an `ssh` that logs in and holds the connection."""
    asks = connection.password is not None or connection.passphrase is not None
    options = [
        *_OURS,
        *checking,
        ("BatchMode", "no" if asks else "yes"),
        ("ConnectTimeout", str(max(1, round(timeouts.connect)))),
        ("ServerAliveInterval", str(timeouts.keepalive)),
        ("ServerAliveCountMax", "3"),
        *connection.options,
    ]
    words = [word for name, value in options for word in ("-o", f"{name}={value}")]
    return ["-F", str(configuration_file), "-N", "-T", *words, "--", connection.address]


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
    """What `ssh` may ask, and what it is told: each secret once, and only for what it is for."""

    def __init__(self, connection: Connection, route: Route) -> None:
        self._password = connection.password
        self._passphrase = connection.passphrase
        self._key = str(connection.private_key_file)
        names = (connection.address, route.address, route.known_as)
        self._names = {name.lower() for name in names}

    def __call__(self, question: str) -> str | None:
        """Answer a question, or refuse to."""
        asked = _PASSPHRASE.fullmatch(question)
        if asked:
            if Path(asked["file"]).expanduser() != Path(self._key).expanduser():
                return None
            said, self._passphrase = self._passphrase, None
            return said
        whose = _WHOSE.search(question)
        if whose and whose[1].lower() in self._names and "password" in question.lower():
            said, self._password = self._password, None
            return said
        return None
