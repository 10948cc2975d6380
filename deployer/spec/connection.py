"""
Connections: how to reach a host, from the variables that Ansible uses for it.

A variable that would change how we connect and that we cannot honour is an error: a jump host
that is silently left out ends at the wrong machine.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from deployer.errors import nearest
from deployer.inventory.model import Host
from deployer.inventory.place import InventoryError, Problem
from deployer.spec.problems import SpecError

Way = Literal["ssh", "paramiko", "local"]

# Of several spellings the last one that is set wins, as in Ansible.
ADDRESS = ("ansible_host", "ansible_ssh_host")
PORT = ("ansible_port", "ansible_ssh_port")
USER = ("ansible_user", "ansible_ssh_user")
PASSWORD = ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
PRIVATE_KEY_FILE = ("ansible_private_key_file", "ansible_ssh_private_key_file")
BECOME_USER = ("ansible_become_user", "ansible_sudo_user")
BECOME_PASSWORD = ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass")
ANSIBLE = "ansible_"
WAYS: Mapping[str, Way] = {
    "ssh": "ssh",
    "ansible.builtin.ssh": "ssh",
    "smart": "ssh",
    "paramiko": "paramiko",
    "paramiko_ssh": "paramiko",
    "ansible.builtin.paramiko_ssh": "paramiko",
    "local": "local",
    "ansible.builtin.local": "local",
}
TRUE = frozenset({"yes", "true", "on", "y", "t", "1"})
FALSE = frozenset({"no", "false", "off", "n", "f", "0", ""})
BECOME_FLAGS = "-H -S -n"
"""What Ansible passes to sudo unless told otherwise."""

_LARGEST_PORT = 65535
# What we do already, whatever these say, and so nothing is lost when they say the same.
_HONOURED_VALUES: Mapping[str, frozenset[str]] = {
    "ansible_host_key_checking": TRUE,
    "ansible_ssh_host_key_checking": TRUE,
    "ansible_paramiko_host_key_checking": TRUE,
    "ansible_become_exe": frozenset({"sudo", "/usr/bin/sudo"}),
    "ansible_sudo_exe": frozenset({"sudo", "/usr/bin/sudo"}),
    "ansible_become_flags": frozenset({"", BECOME_FLAGS, "-H -S"}),
    "ansible_sudo_flags": frozenset({"", BECOME_FLAGS, "-H -S"}),
    "ansible_shell_executable": frozenset({"/bin/sh", "sh"}),
    "ansible_ssh_executable": frozenset({"ssh", "/usr/bin/ssh"}),
    "ansible_ssh_common_args": frozenset({""}),
    "ansible_ssh_extra_args": frozenset({""}),
    "ansible_ssh_args": frozenset({""}),
    "ansible_ssh_pkcs11_provider": frozenset({""}),
    "ansible_paramiko_proxy_command": frozenset({""}),
    "ansible_private_key": frozenset({""}),
    "ansible_private_key_passphrase": frozenset({""}),
    "ansible_ssh_private_key": frozenset({""}),
    "ansible_ssh_private_key_passphrase": frozenset({""}),
}

_IGNORED = (
    "ansible_group_priority",
    "ansible_paramiko_timeout",
    "ansible_paramiko_use_rsa_sha2_algorithms",
    "ansible_pipelining",
    "ansible_python_interpreter",
    "ansible_scp_extra_args",
    "ansible_scp_if_ssh",
    "ansible_sftp_extra_args",
    "ansible_sftp_batch_mode",
    "ansible_shell_type",
    "ansible_ssh_pipelining",
    "ansible_ssh_retries",
    "ansible_ssh_timeout",
    "ansible_ssh_transfer_method",
    "ansible_timeout",
)
KNOWN = (
    *ADDRESS,
    *PORT,
    *USER,
    *PASSWORD,
    *PRIVATE_KEY_FILE,
    *BECOME_USER,
    *BECOME_PASSWORD,
    "ansible_become",
    "ansible_become_method",
    "ansible_connection",
    *_HONOURED_VALUES,
    *_IGNORED,
)
"""Ansible's variables for connections: what we read, and what changes nothing for us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Become:
    """Whose rights to take on after login, and how."""

    method: Literal["sudo"] = "sudo"
    user: str = "root"
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach one host."""

    name: str
    """The host's name in the inventory."""
    way: Way = "ssh"
    address: str
    port: int = 22
    user: str
    password: str | None = field(default=None, repr=False)
    private_key_file: str | None = None
    become: Become | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What the command line says for hosts whose variables say nothing."""

    user: str
    """Empty where our own account has no name that could be tried elsewhere."""
    password: str | None = field(default=None, repr=False)
    private_key_file: str | None = None
    become: bool = False
    become_user: str = "root"
    become_password: str | None = field(default=None, repr=False)


def connection(host: Host, defaults: Defaults) -> Connection:
    """Decide how to reach a host, or raise `SpecError` with everything in the way."""
    reading = _Reading(host)
    reading.refuse_what_cannot_be_honoured()
    reading.refuse_mistyped()
    way = reading.way()
    address = reading.text(ADDRESS, host.name, _address)
    port = reading.port()
    user = reading.text(USER, defaults.user, _user)
    password = reading.text(PASSWORD, defaults.password, _secret)
    private_key_file = reading.text(PRIVATE_KEY_FILE, defaults.private_key_file, _file)
    become = reading.become(defaults)
    if reading.problems:
        raise SpecError(reading.problems)
    return Connection(
        name=host.name,
        way=way,
        address=address or host.name,
        port=port,
        user=user or defaults.user,
        password=password,
        private_key_file=private_key_file,
        become=become,
    )


class _Reading:
    """The connection variables of one host while they are read."""

    def __init__(self, host: Host) -> None:
        self.problems: list[Problem] = []
        self._host = host

    def refuse_what_cannot_be_honoured(self) -> None:
        """Report variables that ask for something that we do not do."""
        for name, honoured in _HONOURED_VALUES.items():
            value = self._value(name)
            if value is not None and str(value).strip().lower() not in _lower(honoured):
                self._wrong(name, _REASONS.get(name, "cannot be honoured by this version"))

    def refuse_mistyped(self) -> None:
        """Report variables that look like one of Ansible's and are none: they would be ignored."""
        known = {name.removeprefix(ANSIBLE): name for name in KNOWN}
        for name in self._host.variables.written:
            word = name.removeprefix(ANSIBLE)
            if name == word or word in known:
                continue
            # Close ones only: there are hundreds of others, for modules that we are not.
            for close in difflib.get_close_matches(word, known, n=1, cutoff=0.75):
                self._wrong(name, f"unknown variable, did you mean {known[close]}?")

    def way(self) -> Way:
        """Read `ansible_connection`."""
        value = self._value("ansible_connection")
        if value is None:
            return "ssh"
        if isinstance(value, str) and value in WAYS:
            return WAYS[value]
        hint = nearest(str(value), WAYS) or "ssh, paramiko and local are"
        self._wrong("ansible_connection", f"{value!r} is not a way we know, {hint}")
        return "ssh"

    def text(
        self, names: tuple[str, ...], default: str | None, check: Callable[[str], str]
    ) -> str | None:
        """Read a text; `check` says what is wrong with it, or nothing."""
        name, value = self._last(names)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int):
            self._wrong(name, "must be a text: put it in quotes")
            return default
        why = check(str(value))
        if why:
            self._wrong(name, why)
        return str(value)

    def port(self) -> int:
        """Read the port of the host's sshd."""
        name, value = self._last(PORT)
        if value is None:
            return 22
        digits = "" if isinstance(value, bool) else str(value)
        if digits.isascii() and digits.isdecimal() and len(digits) <= len(str(_LARGEST_PORT)):
            number = int(digits)
            if 0 < number <= _LARGEST_PORT:
                return number
        self._wrong(name, f"must be a port from 1 to {_LARGEST_PORT}")
        return 22

    def become(self, defaults: Defaults) -> Become | None:
        """Read whose rights to take on; the variables count only where `become` is on."""
        if not self._truth("ansible_become", default=defaults.become):
            return None
        method = self._value("ansible_become_method")
        if method not in {None, "sudo", "ansible.builtin.sudo"}:
            self._wrong("ansible_become_method", f"{method!r} cannot be used yet, sudo can")
        return Become(
            user=self.text(BECOME_USER, defaults.become_user, _user) or defaults.become_user,
            password=self.text(BECOME_PASSWORD, defaults.become_password, _secret),
        )

    def _truth(self, name: str, *, default: bool) -> bool:
        value = self._value(name)
        text = str(value).strip().lower()
        if value is None:
            return default
        if text not in TRUE | FALSE:
            self._wrong(name, "must be true or false")
        return text in TRUE

    def _last(self, names: tuple[str, ...]) -> tuple[str, object]:
        found: tuple[str, object] = (names[0], None)
        for name in names:
            value = self._value(name)
            if value is not None:
                found = (name, value)
        return found

    def _value(self, name: str) -> object:
        try:
            return self._host.variables.get(name)
        except InventoryError as error:
            self.problems += error.problems
            return None

    def _wrong(self, name: str, text: str) -> None:
        place = self._host.variables.place_of(name)
        self.problems.append(Problem(place, f"{name}: {text}", self._host.name))


_KEY_CHECKING = "host keys are always checked: put the key into known_hosts"
_REASONS = {
    "ansible_host_key_checking": _KEY_CHECKING,
    "ansible_ssh_host_key_checking": _KEY_CHECKING,
    "ansible_paramiko_host_key_checking": _KEY_CHECKING,
}


def _lower(texts: frozenset[str]) -> frozenset[str]:
    return frozenset(text.lower() for text in texts)


def _address(text: str) -> str:
    return "" if _is_word(text, without=" /@") else "is not a name or an address to connect to"


def _user(text: str) -> str:
    return "" if _is_word(text, without=" /:") else "is not the name of a user"


def _is_word(text: str, *, without: str) -> bool:
    """Say whether a text could be an argument of `ssh`, and not an option of it."""
    plain = text.isprintable() and not set(text) & set(without)
    return bool(text) and plain and not text.startswith("-")


def _file(text: str) -> str:
    return "" if text and text.isprintable() else "is not the path of a file"


def _secret(text: str) -> str:
    return "holds a line break or NUL, which nobody can type" if set(text) & set("\r\n\0") else ""
