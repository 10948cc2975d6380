"""
ssh_config(5), as `ssh` itself reads it.

`ssh -G` prints what holds for a host after Host, Match, Include, canonical names and tokens: no
second reading of that language can differ from the first. It costs a few milliseconds for each
host, once; or for all of them together, where nothing is said of any one host (`ssh_answer`).
Where there is no such program there is no configuration for it either.
"""

import getpass
import re
import shutil
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from deployer.errors import Unreachable
from deployer.spec.connection import Connection
from deployer.spec.connection_names import Way
from deployer.spec.ssh_arguments import Option
from deployer.transport.environment import environment
from deployer.transport.processes import end
from deployer.transport.route import SSH_PORT, Algorithms, Hop, Route, direct, named
from deployer.transport.ssh_answer import ANYBODY, Said, Settings, is_plain, is_port, shared
from deployer.transport.tokens import Tokens, UnknownToken

STEP = "ssh_config"
_PATIENCE = 10
_MOST_SHARED = 8  # with options of its own for each host, an answer for all is none
# Without a program to read more, these can be followed all the same.
_PLAIN = frozenset({"port", "user", "identityfile"})
_HOP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<v6>[^]]+)\]|(?P<name>[^:@/\[\]]+))"
    r"(?::(?P<port>\d{1,5}))?/?"
)
_WORDS = re.compile(r'"([^"]*)"|(\S+)')
_ALGORITHMS = {
    "ciphers": "ciphers",
    "kex": "kexalgorithms",
    "macs": "macs",
    "host_keys": "hostkeyalgorithms",
    "authorities": "casignaturealgorithms",
}
_METHODS = {
    "publickey": "pubkeyauthentication",
    "password": "passwordauthentication",
    "keyboard-interactive": "kbdinteractiveauthentication",
}


class SshConfig:
    """
    The configuration of `ssh` on this computer, for one run.

    An account without a name, as containers have them, is one that ssh does not work for at all.
    """

    def __init__(self, *, known_hosts: Sequence[Path] = (), program: str | None = "ssh") -> None:
        """`known_hosts`: files to use whatever the configuration says."""
        self._program = shutil.which(program) if program and _login_name() else None
        self._known_hosts = tuple(known_hosts)
        self._shared: dict[tuple[str | None, Sequence[Option]], Settings | None] = {}
        self._sharing = threading.Lock()

    def route(self, connection: Connection) -> Route:
        """
        Settle the way to a host; raise `Unreachable` for what cannot be followed.

        What the connection says wins over the files, as it does when it is said to `ssh`.
        """
        plain = direct(connection, user=connection.user or _login_name() or "?")
        if self._program is None:
            route = self._without_program(connection, plain)
        else:
            settings = self._ask(connection, connection.options)
            route = self._read(plain, settings, connection.config_file, connection.way)
        if self._known_hosts:
            route = replace(route, known_hosts=self._known_hosts)
        named(connection.name, connection.user if route.user == "?" else route.user)
        return route

    def hop(self, hop: Hop, on_the_way_to: Route) -> Route:
        """Settle the way to a jump host; it has a configuration, and perhaps hops, of its own."""
        said = {"user": hop.user, "port": hop.port}
        connection = Connection(
            name=on_the_way_to.name,
            address=hop.name,
            port=hop.port,
            user=hop.user,
            options=tuple((name, str(value)) for name, value in said.items() if value),
            config_file=on_the_way_to.config_file,
        )
        return self.route(connection)

    def _without_program(self, connection: Connection, route: Route) -> Route:
        asked = [name for name, _ in connection.options if name not in _PLAIN]
        if connection.config_file not in {None, "none"}:
            asked.append(f"-F {connection.config_file}")
        if asked:
            raise Unreachable(
                connection.name,
                STEP,
                f"{asked[0]} is to be followed, and there is no program ssh here to read it",
                hint="install OpenSSH's client",
            )
        return route

    def _ask(self, connection: Connection, options: Sequence[Option]) -> Settings:
        if is_plain(connection.address):
            ports = [value for name, value in options if name.lower() == "port"]
            others = tuple(one for one in options if one[0].lower() != "port")
            shared = self._of_all(connection, others)
            if shared is not None and all(map(is_port, ports)):
                return {**shared, "hostname": [connection.address], "port": ports or shared["port"]}
        words = _words(connection.config_file, options)
        return self._run(connection.name, [*words, "--", connection.address])[0]

    def _of_all(self, connection: Connection, options: Sequence[Option]) -> Settings | None:
        """Ask once what holds for every host; None where that depends on the host."""
        asked = (connection.config_file, options)
        with self._sharing:
            if asked not in self._shared and len(self._shared) < _MOST_SHARED:
                words = _words(connection.config_file, options)
                with suppress(Unreachable):  # whoever asks for a host itself will hear why
                    answer = self._run(connection.name, ["-v", *words, "--", ANYBODY])
                    self._shared[asked] = shared(*answer, options, connection.config_file)
            return self._shared.get(asked)

    @cached_property
    def _defaults(self) -> Settings:
        """What ssh does when it is told nothing: no wish of anybody."""
        return self._run("ssh", ["-F", "none", "--", "localhost"])[0]

    def _run(self, host: str, arguments: Sequence[str]) -> tuple[Settings, str]:
        """Return what ssh says holds, and what it says on standard error besides."""
        try:
            process = subprocess.Popen(
                [str(self._program), "-G", "-T", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
                start_new_session=True,  # what Match exec starts ends with it
            )
        except OSError as error:
            raise Unreachable(host, STEP, f"ssh cannot be executed: {error.strerror}") from error
        try:
            out, err = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired as error:
            cause = f"ssh did not read its configuration within {_PATIENCE} s"
            raise Unreachable(host, STEP, cause, hint="a hanging Match exec?") from error
        finally:
            end(process)
        if process.returncode != 0:
            words = err.decode(errors="replace").strip().splitlines()
            said = "; ".join(words[-3:]) or f"ssh -G ended with status {process.returncode}"
            raise Unreachable(host, STEP, said, hint=f"ssh -G {arguments[-1]} says the same")
        settings: dict[str, list[str]] = {}
        for line in out.decode(errors="replace").splitlines():
            name, _, value = line.partition(" ")
            settings.setdefault(name.lower(), []).append(value)
        return settings, err.decode(errors="surrogateescape")

    def _read(self, plain: Route, settings: Settings, config_file: str | None, way: Way) -> Route:
        """Translate what ssh would do into what we do."""
        said = Said(settings)
        if way == "ssh":
            self._refuse(plain.name, said)
        port = int(said.one("port") or SSH_PORT)
        address = said.one("hostname") or plain.address
        user = said.one("user") or plain.user
        tokens = Tokens(
            typed=plain.address,
            host=address,
            port=port,
            user=user,
            alias=said.one("hostkeyalias"),
            jumps=said.one("proxyjump"),
        )
        try:
            named = {str(plain.private_key_file)}
            wished = [one for one in self._wished(settings, "identityfile") if one not in named]
            certificates = tuple(tokens.path(one) for one in said.all("certificatefile"))
            command = said.one("proxycommand")
            route = replace(
                plain,
                address=address,
                port=port,
                user=user,
                hops=_hops(plain.name, said.one("proxyjump")),
                proxy_command=tokens.expand(command) if command else "",
                family=said.one("addressfamily") or "any",
                bind_address=said.one("bindaddress"),
                connect_timeout=said.number("connecttimeout"),
                attempts=int(said.one("connectionattempts") or 1),
                compression=said.one("compression") == "yes",
                algorithms=Algorithms(**self._algorithms(settings)),
                host_key_alias=said.one("hostkeyalias"),
                known_hosts=_known_hosts(settings, self._defaults, plain),
                revoked_host_keys=tokens.path(said.one("revokedhostkeys"))
                if said.one("revokedhostkeys")
                else None,
                accept_new=said.one("stricthostkeychecking") == "accept-new",
                hashed_names=said.one("hashknownhosts") == "yes",
                identity_files=tuple(tokens.path(one) for one in wished),
                certificate_files=certificates,
                identities_only=said.one("identitiesonly") == "yes",
                agent=tokens.expand(said.one("identityagent")) or plain.agent,
                methods=_methods(said),
                beyond_us=_beyond_us(said),
                config_file=config_file,
            )
        except UnknownToken as error:
            raise Unreachable(plain.name, STEP, str(error)) from error
        return route

    @staticmethod
    def _refuse(host: str, said: Said) -> None:
        """Refuse what would take us elsewhere, or nowhere, if it were left out."""
        wanted = {"bindinterface": said.one("bindinterface") != ""}
        wanted["proxyusefdpass"] = said.one("proxyusefdpass") == "yes"
        for name, is_wanted in wanted.items():
            if is_wanted:
                cause = f"it sets {name}, which only the program ssh can follow"
                raise Unreachable(host, STEP, cause, hint="--transport openssh uses it")

    def _wished(self, settings: Settings, name: str) -> Sequence[str]:
        """Return what somebody wrote; what ssh does by itself is no wish."""
        values = settings.get(name, ())
        return () if values == self._defaults.get(name) else values

    def _algorithms(self, settings: Settings) -> dict[str, tuple[str, ...]]:
        found = {}
        for ours, theirs in _ALGORITHMS.items():
            for value in self._wished(settings, theirs):
                found[ours] = tuple(value.split(","))
        return found


def _words(config_file: str | None, options: Sequence[Option]) -> list[str]:
    file = ["-F", config_file] if config_file else []
    return [*file, *(word for name, value in options for word in ("-o", f"{name}={value}"))]


def _hops(host: str, text: str) -> tuple[Hop, ...]:
    """Read what ProxyJump says."""
    hops = []
    for word in filter(None, text.split(",")):
        found = _HOP.fullmatch(word.strip())
        if found is None:
            raise Unreachable(host, STEP, f"ProxyJump {word!r} is not [user@]host[:port]")
        port = found["port"]
        hops.append(
            Hop(
                name=found["v6"] or found["name"],
                user=found["user"],
                port=int(port) if port else None,
            )
        )
    return tuple(hops)


def _known_hosts(settings: Settings, defaults: Settings, plain: Route) -> tuple[Path, ...]:
    names = ("userknownhostsfile", "globalknownhostsfile")
    if all(settings.get(name) == defaults.get(name) for name in names):
        return plain.known_hosts
    texts = [text for name in names for text in settings.get(name, ())]
    words = [quoted or word for text in texts for quoted, word in _WORDS.findall(text)]
    return tuple(Path(word) for word in words if word != "none")


def _methods(said: Said) -> frozenset[str]:
    allowed = {method for method, name in _METHODS.items() if said.one(name) not in {"no", "false"}}
    preferred = said.one("preferredauthentications")
    return frozenset(allowed & set(preferred.split(",")) if preferred else allowed)


def _beyond_us(said: Said) -> tuple[str, ...]:
    found = [name for name in ("pkcs11provider", "knownhostscommand") if said.one(name)]
    if said.one("gssapiauthentication") == "yes":
        found.append("gssapiauthentication")
    return tuple(found)


def _login_name() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the second since Python 3.13
        return None
