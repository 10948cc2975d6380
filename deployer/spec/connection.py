"""
Connections: how to reach a host, from the variables that Ansible uses for it.

A variable that would change how we connect and that we cannot honour is an error: a jump host
that is silently left out ends at the wrong machine.
"""

from dataclasses import dataclass, field

from deployer.inventory.model import Host
from deployer.spec.connection_names import (
    ADDRESS,
    BECOME,
    PASSPHRASE,
    PASSWORD,
    PKCS11_PROVIDER,
    PORT,
    PRIVATE_KEY,
    PRIVATE_KEY_FILE,
    PROXY_COMMAND,
    RETRIES,
    SSH_ARGS,
    SSH_COMMON_ARGS,
    SSH_EXTRA_ARGS,
    TIMEOUT,
    USER,
    Method,
    Way,
    become_password,
    become_user,
)
from deployer.spec.connection_reading import LARGEST_PORT, Reading
from deployer.spec.problems import SpecError
from deployer.spec.ssh_arguments import Option

_LONGEST_TIMEOUT = 3600
_MOST_RETRIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Become:
    """Whose rights to take on after login, and how."""

    method: Method = "sudo"
    user: str = "root"
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach one host, as far as the inventory and the command line say."""

    name: str
    """The host's name in the inventory."""
    way: Way = "ssh"
    address: str
    """A name or an address, or a name that only ssh_config(5) knows."""
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    private_key_file: str | None = None
    private_key: str | None = field(default=None, repr=False)
    """The text of a key, where the inventory holds the key itself."""
    passphrase: str | None = field(default=None, repr=False)
    """What opens the key that the inventory names or holds."""
    become: Become | None = None
    options: tuple[Option, ...] = ()
    """
    Options of ssh_config(5), the first of a name wins: everything that was said about this
    connection, the port and the user too, in the order in which Ansible would say it to `ssh`.
    """
    config_file: str | None = None
    """The ssh_config to read, if not the user's and the system's; `none` for no file at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What the command line says for hosts whose variables say nothing."""

    way: Way = "ssh"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    private_key_file: str | None = None
    become: bool = False
    become_method: Method = "sudo"
    become_user: str = "root"
    become_password: str | None = field(default=None, repr=False)
    ssh_common_args: str = ""
    ssh_extra_args: str = ""
    config_file: str | None = None


def connection(host: Host, defaults: Defaults) -> Connection:
    """Decide how to reach a host, or raise `SpecError` with everything in the way."""
    reading = Reading(host)
    reading.refuse_what_cannot_be_honoured()
    reading.refuse_mistyped()
    way = reading.way(defaults.way)
    address = reading.text(ADDRESS, host.name, _address)
    port = reading.number(PORT, "a port", low=1, high=LARGEST_PORT)
    user = reading.text(USER, defaults.user, _user)
    password = reading.text(PASSWORD, defaults.password, _secret)
    private_key_file = reading.text(PRIVATE_KEY_FILE, defaults.private_key_file, _file)
    private_key = reading.text(PRIVATE_KEY, None, _pem)
    passphrase = reading.text(PASSPHRASE, None, _secret)
    if private_key and way == "openssh":
        reading.wrong(PRIVATE_KEY[0], "cannot be handed to ssh, which reads keys from files alone")
    first = reading.arguments(SSH_ARGS, "", way)
    common = reading.arguments(SSH_COMMON_ARGS, defaults.ssh_common_args, way)
    extra = reading.arguments(SSH_EXTRA_ARGS, defaults.ssh_extra_args, way)
    pkcs11 = reading.option(PKCS11_PROVIDER, "pkcs11provider")
    if pkcs11 and way == "ssh":
        reading.wrong(PKCS11_PROVIDER, "needs the program ssh: set ansible_connection: openssh")
    timeout = reading.number(TIMEOUT, "a number of seconds", low=1, high=_LONGEST_TIMEOUT)
    retries = reading.number((RETRIES,), "a number", low=0, high=_MOST_RETRIES)
    said = {
        "port": port,
        "identityfile": private_key_file and _quoted(private_key_file),
        "user": user,
        "connecttimeout": timeout,
        "connectionattempts": None if retries is None else retries + 1,
    }
    options = (
        *first.options,
        *((name, str(value)) for name, value in said.items() if value is not None),
        *pkcs11,
        *reading.option(PROXY_COMMAND, "proxycommand"),
        *common.options,
        *extra.options,
    )
    become = _become(reading, defaults)
    if reading.problems:
        raise SpecError(reading.problems)
    files = (first.config_file, common.config_file, extra.config_file, defaults.config_file)
    return Connection(
        name=host.name,
        way=way,
        address=address or host.name,
        port=port,
        user=user,
        password=password,
        private_key_file=private_key_file,
        private_key=private_key,
        passphrase=passphrase,
        become=become,
        options=options,
        config_file=next((one for one in files if one), None),
    )


def _become(reading: Reading, defaults: Defaults) -> Become | None:
    """Read whose rights to take on; the variables count only where `become` is on."""
    if not reading.truth(BECOME, default=defaults.become):
        return None
    method = reading.method(defaults.become_method)
    user = reading.text(become_user(method), defaults.become_user, _user)
    return Become(
        method=method,
        user=user or defaults.become_user,
        password=reading.text(become_password(method), defaults.become_password, _secret),
    )


def _quoted(path: str) -> str:
    """Write a path as one word of ssh_config(5)."""
    return f'"{path}"' if " " in path and '"' not in path else path


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


def _pem(text: str) -> str:
    return "" if "-----BEGIN " in text else "is not a private key in PEM form"
