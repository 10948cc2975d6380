"""
Turn a host script into a command: what is typed at the remote shell, and what it reads.

The script travels on standard input ahead of its payload, so the command line stays short:
it shows in process lists and in sudo's log, and is read by whatever login shell there is.
"""

import shlex
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from ipaddress import ip_address

from deployer.layouts import LAYOUTS, Layout
from deployer.spec.connection import Connection
from deployer.transport import Completed, Stream, Transport
from deployer.transport.local import Local
from deployer.transport.stream import ForwardingRefused

DIAL_TIMEOUT = 5.0
"""Seconds that one probe's connection may last."""

# With dd and a block size of one byte, nothing is read past the script into the payload, on any
# system. A connection that breaks off half-way, or a login shell that reads for itself, leaves a
# part of a script: none of that may run.
BOOTSTRAP = (
    "script=$({read} 2>/dev/null); "
    'case $script in "# deployer"*"# the end") eval "$script" ;; '
    '*) echo "the script did not arrive whole" >&2; exit 1 ;; esac'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """The way to a host and where its Apache lives: what a `Host` is made from, as plain data."""

    connection: Connection
    layout: Layout

    @property
    def name(self) -> str:
        """The inventory's name of the host."""
        return self.connection.name


@dataclass(frozen=True, slots=True)
class Host:
    """A host within reach: its inventory name, the way to it, and where its Apache lives."""

    name: str
    transport: Transport
    layout: Layout
    address: str
    """Where it is reached from here, for when its sshd forwards no connections."""

    def run(
        self, verb: str, *arguments: str, payload: bytes = b"", timeout: float = 60
    ) -> Completed:
        """Run one of our scripts; its exit status is for the caller to judge."""
        script = script_text(verb, self.layout).encode()
        return _run(self.transport, verb, script, *arguments, payload=payload, timeout=timeout)

    def dial(self, address: str, port: int) -> Stream:
        """
        Connect to an address as the host sees it, through its own connection.

        An sshd with `AllowTcpForwarding no` leaves the public way; what listens on one address
        of the host only may then be out of reach.
        """
        try:
            return self.transport.dial(address, port, timeout=DIAL_TIMEOUT)
        except ForwardingRefused:
            there = self.address if ip_address(address).is_loopback else address
            return Local(self.name).dial(there, port, timeout=DIAL_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A host within reach of whose Apache nothing is known yet: it can be looked at, no more."""

    name: str
    transport: Transport

    def run(
        self, verb: str, *arguments: str, payload: bytes = b"", timeout: float = 60
    ) -> Completed:
        """Run a script that finds out which of our layouts the host has."""
        script = script_text(verb, None).encode()
        return _run(self.transport, verb, script, *arguments, payload=payload, timeout=timeout)


def _run(
    transport: Transport,
    verb: str,
    script: bytes,
    *arguments: str,
    payload: bytes,
    timeout: float,
) -> Completed:
    bootstrap = BOOTSTRAP.format(read=f"dd bs=1 count={len(script)}" if payload else "cat")
    argv = ("sh", "-c", bootstrap, verb, *arguments)
    return transport.run(argv, stdin=script + payload, timeout=timeout)


@lru_cache(maxsize=64)
def script_text(verb: str, layout: Layout | None) -> str:
    """
    Put together the preamble, the words that all verbs share, and the verb itself.

    Without a layout, the script brings all that there are and chooses one on the host.
    """
    before = preamble(layout) if layout else _candidates()
    return f"# deployer {verb}\n{before}{_read('lib')}{_read(verb)}# the end\n"


def _candidates() -> str:
    functions = [
        f"as_{name}() {{\n{preamble(layout)}"
        f"systems={shlex.quote(' '.join(layout.systems))}\n"
        f"program={shlex.quote(layout.httpd[0])}\n}}\n"
        for name, layout in LAYOUTS.items()
    ]
    return f"layouts={shlex.quote(' '.join(LAYOUTS))}\n{''.join(functions)}{_read('detect')}"


def preamble(layout: Layout) -> str:
    """
    Write a layout as shell: variables, and the commands that differ as functions.

    Everything is quoted here, once, so that no script has to trust a path.
    """
    source = f"set +u; . {shlex.quote(layout.envvars)}; " if layout.envvars else ""
    variables = {
        "layout": layout.name,
        "root": layout.root,
        "state": layout.state_dir,
        "main_config": layout.main_config or "",
        "vhost_dir": layout.vhost_dir,
        "pid_file": layout.pid_file,
        "private_dirs": " ".join(layout.private_dirs),
        "copied_dirs": " ".join(layout.copied_dirs),
        "group": layout.group or "",
        "placeholder": layout.placeholder or "",
        "modules_available": layout.modules_available or "",
        "modules_enabled": layout.modules_enabled or "",
    }
    functions = {
        "exec_httpd": f"{source}exec {shlex.join(layout.httpd)}",
        "reload_apache": shlex.join(layout.reload),
        "start_apache": shlex.join(layout.start),
        # Without such a command modules are the administrator's business.
        "enable_modules": shlex.join(layout.enable_module or ("false",)),
        "install_packages": shlex.join(layout.install or ("false",)),
        "boot_apache": shlex.join(layout.boot or ("true",)),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    lines += [f'{name}() {{ {command} "$@"; }}' for name, command in functions.items()]
    return "\n".join(lines) + "\n"


@cache
def _read(name: str) -> str:
    return resources.files("deployer.host").joinpath("scripts", f"{name}.sh").read_text()
