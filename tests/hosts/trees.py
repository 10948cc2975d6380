"""Debian hosts of a fleet made to look like others: their trees, accounts and commands."""

from dataclasses import replace
from pathlib import Path

from deployer.layouts import FREEBSD, RHEL
from deployer.sandbox.processes import until
from tests.hosts.fleet import Fleet, FleetHost
from tests.hosts.prober import listens

TREES = {"rhel": RHEL, "freebsd": FREEBSD}


def script(name: str) -> list[str]:
    """Read a script of this directory as a command for a host."""
    return ["sh", "-c", Path(__file__).with_name(f"{name}.sh").read_text()]


def planted(fleet: Fleet, tree: str) -> FleetHost:
    """Start a host, plant a tree and start its Apache by the layout's own command."""
    layout = TREES[tree]
    host = replace(fleet.host(apache="stopped"), layout=layout)
    host.exec(script(tree))
    host.exec(layout.start)
    assert until(lambda: listens(host.address, host.http_port), timeout=10), host.read(
        f"{layout.log_dir}/error_log"
    )
    return host
