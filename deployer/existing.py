"""
What a host's Apache is and serves already, by its own account: sites, modules, limits.

One process prints it all (`httpd -t -D DUMP_VHOSTS -D DUMP_MODULES -D DUMP_RUN_CFG`); what it does
not print is read from the files that it includes. Text in, values out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_MANY = re.compile(r"(\S+)\s+is a NameVirtualHost")
_ONE = re.compile(r"(\S+:[0-9*]+)\s+(\S+) \((.*):(\d+)\)")
_DEFAULT = re.compile(r"\s+default server (\S+) \((.*):(\d+)\)")
_NAMED = re.compile(r"\s+port \S+ namevhost (\S+) \((.*):(\d+)\)")
_MODULE = re.compile(r" (\w+)_module \((?:static|shared)\)")
_FACT = re.compile(r'(User|Group|PidFile|Define): (?:name=)?"?([^"]*)"?.*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A virtual host in Apache's configuration, whoever wrote it."""

    address: str
    """As Apache says it: `*:443`, `192.0.2.1:443`."""
    server_name: str
    file: str
    line: int
    default: bool
    """Whether it answers on its address whoever names none of the sites there."""
    tls: bool
    certificate: str = ""
    nameless: bool = False
    """Whether its own lines give it no ServerName."""

    def is_below(self, directory: str) -> bool:
        """Say whether it was written below a directory: ours are below `Layout.root`."""
        return self.file.startswith(f"{directory}/")

    def is_placeholder(self, certificate: str | None) -> bool:
        """Say whether a package made it, with this certificate, to have something there."""
        return self.nameless and certificate is not None and self.certificate == certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoreboard:
    """
    How many processes Apache may have, and has.

    A reload begins a new generation while the old one ends its long requests: both need slots.
    """

    processes: int
    """Children of the parent at this moment."""
    server_limit: int
    threads_per_child: int
    max_request_workers: int

    @property
    def working(self) -> int:
        """How many processes one generation has under full load."""
        return -(-self.max_request_workers // self.threads_per_child)

    @property
    def room(self) -> int:
        """How many more processes there may be now."""
        return max(0, self.server_limit - self.processes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """An Apache by its own account."""

    sites: tuple[Site, ...] = ()
    modules: frozenset[str] = frozenset()
    """What is loaded or built in, without `_module`."""
    user: str = ""
    group: str = ""
    pid_file: str = ""
    listens: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Ports of the `Listen` lines that count once mod_ssl is loaded, by file."""
    scoreboard: Scoreboard

    def others(self, root: str) -> tuple[Site, ...]:
        """Name the sites that are not ours: we write below `root` alone."""
        return tuple(site for site in self.sites if not site.is_below(root))

    def defaults(self, root: str) -> tuple[Site, ...]:
        """Name the sites of others that answer, on their address, whoever names none there."""
        return tuple(site for site in self.others(root) if site.default)

    def bare_ports(self, root: str) -> tuple[int, ...]:
        """Name the ports where others have no virtual host: the main server itself answers."""
        hosted = {site.address.rpartition(":")[2] for site in self.others(root)}
        return tuple(port for port in self.ports(root) if not {str(port), "*"} & hosted)

    def ports(self, root: str) -> tuple[int, ...]:
        """Collect the ports that others' `Listen` lines name."""
        named = (ports for file, ports in self.listens.items() if not file.startswith(f"{root}/"))
        return tuple(sorted({port for ports in named for port in ports}))


@dataclass(frozen=True, slots=True)
class _Line:
    """A directive that we look for, where it stands, and when it counts."""

    file: str
    vhost: int
    """The line that begins the virtual host around it, or 0."""
    conditions: str
    name: str
    value: str

    def counts(self, modules: frozenset[str], defines: frozenset[str]) -> bool:
        return all(
            _holds(condition, modules, defines)
            for condition in self.conditions.split(",")
            if condition
        )


def parse_existing(
    dump: Iterable[str], directives: Iterable[str], processes: int
) -> Existing | None:
    """Read the dump and the directives of `observe.sh`; None where Apache said nothing."""
    lines = tuple(dump)
    modules = common_set(tuple(found[1] for found in map(_MODULE.match, lines) if found))
    if not modules:
        return None
    facts: dict[str, list[str]] = {}
    for found in filter(None, map(_FACT.fullmatch, lines)):
        facts.setdefault(found[1], []).append(found[2])
    defines = frozenset(name.partition("=")[0] for name in facts.get("Define", []))
    # A release of ours has mod_ssl loaded, and with it what waits for it.
    then = modules | {"ssl"}
    counting = [line for line in map(_directive, directives) if line.counts(then, defines)]
    return Existing(
        sites=tuple(_sites(lines, counting)),
        modules=modules,
        user=facts.get("User", [""])[-1],
        group=facts.get("Group", [""])[-1],
        pid_file=facts.get("PidFile", [""])[-1],
        listens=_listens(counting),
        scoreboard=_scoreboard(counting, modules, processes),
    )


@lru_cache(maxsize=64)
def common_set(names: tuple[str, ...]) -> frozenset[str]:
    """Make a set of what most hosts of a fleet have alike, and let them share it."""
    return frozenset(names)


def _directive(text: str) -> _Line:
    file, vhost, conditions, name, value = text.split("\t", 4)
    return _Line(file, int(vhost), conditions, name, value.strip().strip('"'))


def _holds(condition: str, modules: frozenset[str], defines: frozenset[str]) -> bool:
    kind, _, name = condition.partition(":")
    wanted = not name.startswith("!")
    name = name.removeprefix("!")
    if kind == "define":
        return (name in defines) is wanted
    # `mod_ssl.c`, `event.c` and `ssl_module` are ways to say it.
    short = name.removesuffix(".c").removesuffix("_module").removeprefix("mod_")
    return (short in modules or f"mpm_{short}" in modules) is wanted


def _sites(dump: Iterable[str], directives: Iterable[_Line]) -> Iterator[Site]:
    inside: dict[tuple[str, int], dict[str, str]] = {}
    for line in directives:
        if line.vhost:
            inside.setdefault((line.file, line.vhost), {})[line.name] = line.value
    address, default = "", ("", 0)
    for text in dump:
        if found := _MANY.fullmatch(text):
            address = found[1]
        elif found := _DEFAULT.fullmatch(text):
            default = (found[2], int(found[3]))
        elif found := _NAMED.fullmatch(text):
            at = (found[2], int(found[3]))
            yield _site(address, found[1], at, inside.get(at, {}), default=at == default)
        elif found := _ONE.fullmatch(text):
            at = (found[3], int(found[4]))
            yield _site(found[1], found[2], at, inside.get(at, {}), default=True)


def _site(
    address: str, name: str, at: tuple[str, int], says: Mapping[str, str], *, default: bool
) -> Site:
    file, line = at
    # What a file included by a virtual host says is not seen: such a one has TLS by its port.
    tls = says["sslengine"].lower() != "off" if "sslengine" in says else address.endswith(":443")
    return Site(
        address=address,
        server_name=name,
        file=file,
        line=line,
        default=default,
        tls=tls,
        certificate=says.get("sslcertificatefile", ""),
        nameless="servername" not in says,
    )


def _listens(directives: Iterable[_Line]) -> dict[str, tuple[int, ...]]:
    ports: dict[str, tuple[int, ...]] = {}
    for line in directives:
        port = line.value.split(" ")[0].rpartition(":")[2]
        if line.name == "listen" and port.isdecimal():
            ports[line.file] = (*ports.get(line.file, ()), int(port))
    return ports


def _scoreboard(directives: Iterable[_Line], modules: frozenset[str], processes: int) -> Scoreboard:
    """Fill in what is not configured, as the manual of each MPM says."""
    said = {
        line.name: int(line.value)
        for line in directives
        if not line.vhost and line.value.isdecimal()
    }
    prefork = "mpm_prefork" in modules
    limit = said.get("serverlimit", 256 if prefork else 16)
    threads = 1 if prefork else said.get("threadsperchild", 25)
    workers = said.get("maxrequestworkers", said.get("maxclients"))
    if workers is None:
        workers = 256 if prefork else limit * threads
    return Scoreboard(
        processes=processes,
        server_limit=limit,
        threads_per_child=max(1, threads),
        max_request_workers=workers,
    )
