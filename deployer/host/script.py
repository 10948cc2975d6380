"""
Turn a host script into a command: what is typed at the remote shell, and what it reads.

The script travels on standard input ahead of its payload, so the command line stays short:
it shows in process lists and in sudo's log, and is read by whatever login shell there is.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from ipaddress import ip_address

from deployer.layouts import Layout
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
        bootstrap = BOOTSTRAP.format(read=f"dd bs=1 count={len(script)}" if payload else "cat")
        argv = ("sh", "-c", bootstrap, verb, *arguments)
        return self.transport.run(argv, stdin=script + payload, timeout=timeout)

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


def script_text(verb: str, layout: Layout) -> str:
    """Put together the preamble, the words that all verbs share, and the verb itself."""
    return f"# deployer {verb}\n{preamble(layout)}{_read('lib')}{_read(verb)}# the end\n"


def preamble(layout: Layout) -> str:
    """
    Write a layout as shell: variables, and the commands that differ as functions.

    Everything is quoted here, once, so that no script has to trust a path.
    """
    source = f"set +u; . {shlex.quote(layout.envvars)}; " if layout.envvars else ""
    variables = {
        "root": layout.root,
        "state": layout.state_dir,
        "vhost_dir": layout.vhost_dir,
        "pid_file": layout.pid_file,
        "private_dirs": " ".join(layout.private_dirs),
        "copied_dirs": " ".join(layout.copied_dirs),
        "modules_available": layout.modules_available or "",
        "modules_enabled": layout.modules_enabled or "",
    }
    functions = {
        "exec_httpd": f"{source}exec {shlex.join(layout.httpd)}",
        "reload_apache": shlex.join(layout.reload),
        "start_apache": shlex.join(layout.start),
        "enable_modules": _command_or_failure(layout.enable_module),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    lines += [f'{name}() {{ {command} "$@"; }}' for name, command in functions.items()]
    return "\n".join(lines) + "\n"


def _command_or_failure(argv: Sequence[str]) -> str:
    # Without such a command modules are the administrator's business.
    return shlex.join(argv) if argv else "false"


@cache
def _read(name: str) -> str:
    return resources.files("deployer.host").joinpath("scripts", f"{name}.sh").read_text()
