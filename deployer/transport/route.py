"""A route: everything that is settled about the way to one host before anything is sent."""

from dataclasses import dataclass, field
from pathlib import Path

from deployer.errors import Unreachable
from deployer.spec.connection import Become, Connection

SSH_PORT = 22
DEFAULT_KNOWN_HOSTS = (
    Path("~/.ssh/known_hosts"),
    Path("~/.ssh/known_hosts2"),
    Path("/etc/ssh/ssh_known_hosts"),
    Path("/etc/ssh/ssh_known_hosts2"),
)
"""What ssh_config(5) gives for UserKnownHostsFile and GlobalKnownHostsFile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """What may be negotiated, by the names of RFC 4253 §7.1; None is whatever we like best."""

    ciphers: tuple[str, ...] | None = None
    kex: tuple[str, ...] | None = None
    macs: tuple[str, ...] | None = None
    host_keys: tuple[str, ...] | None = None
    authorities: tuple[str, ...] | None = None
    """With which an authority may have signed a host's certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A host on the way, as ProxyJump names it."""

    name: str
    user: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        """Write it as ProxyJump would."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{self.user}@" * bool(self.user) + name + f":{self.port}" * bool(self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way to one host, and how to know it and be known there."""

    name: str
    """Of the host in the inventory, for messages."""
    address: str
    port: int = SSH_PORT
    user: str

    # The wire.
    hops: tuple[Hop, ...] = ()
    """Hosts to go through, the nearest first."""
    proxy_command: str = ""
    """A shell command whose standard streams are the wire."""
    family: str = "any"
    bind_address: str = ""
    connect_timeout: float | None = None
    """In seconds; None where nothing was said."""
    attempts: int = 1
    compression: bool = False
    algorithms: Algorithms = Algorithms()

    # Knowing the host.
    host_key_alias: str = ""
    known_hosts: tuple[Path, ...] = DEFAULT_KNOWN_HOSTS
    revoked_host_keys: Path | None = None
    accept_new: bool = False
    """Whether a host that nobody knows is believed, once, and remembered."""
    hashed_names: bool = False

    # Being known.
    password: str | None = field(default=None, repr=False)
    private_key_file: Path | None = None
    """The key that the inventory or the command line names."""
    private_key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    identity_files: tuple[Path, ...] = ()
    """Keys that ssh_config names."""
    certificate_files: tuple[Path, ...] = ()
    identities_only: bool = False
    agent: str = "SSH_AUTH_SOCK"
    """The agent's socket; `SSH_AUTH_SOCK` for the one of the environment, `none` for no agent."""
    methods: frozenset[str] = frozenset({"publickey", "password", "keyboard-interactive"})
    beyond_us: tuple[str, ...] = ()
    """Options that could help to log in, and that only the program ssh can follow."""
    config_file: str | None = None
    """The ssh_config that this was read from, for the hops before it."""

    become: Become | None = None

    @property
    def known_as(self) -> str:
        """The name under which known_hosts has the host, without its port."""
        return self.host_key_alias or self.address

    @property
    def recorded_port(self) -> int:
        """The port under which known_hosts has the host: an alias stands for itself."""
        return SSH_PORT if self.host_key_alias else self.port

    @property
    def where(self) -> str:
        """The address with its port, for messages."""
        name = f"[{self.address}]" if ":" in self.address else self.address
        return f"{name}:{self.port}"


def direct(connection: Connection, *, user: str | None) -> Route:
    """
    Take a connection at its word, without any ssh_config.

    Raises `Unreachable` when nothing says whom to log in as.
    """
    return Route(
        name=connection.name,
        address=connection.address,
        port=connection.port or SSH_PORT,
        user=named(connection.name, connection.user or user),
        password=connection.password,
        private_key_file=Path(connection.private_key_file) if connection.private_key_file else None,
        private_key=connection.private_key,
        passphrase=connection.passphrase,
        become=connection.become,
    )


def named(host: str, user: str | None) -> str:
    """Insist on a user."""
    if user:
        return user
    raise Unreachable(
        host,
        "authenticate",
        "nothing says whom to log in as, and your own account has no name",
        hint="set ansible_user, or give -u",
    )
