"""
Many machines in each host of a fleet: a thousand of them need no thousand networks.

Each has mounts of its own, an Apache with its own files and ports, and an sshd on a port of its
own, so that it is a machine by itself to whoever logs in.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.hosts.fleet import FleetHost

_FIRST_PORT = 2300
_MACHINE = """
set -eu
port=$1
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/sshd /run/apache2
cp -a /etc/apache2 /run/etc
mount --bind /run/etc /etc/apache2
cp -a /var/lib/apache2 /run/state
mount --bind /run/state /var/lib/apache2
mkdir -p /run/log /var/lib/deployer
mount --bind /run/log /var/log/apache2
mount -t tmpfs -o mode=700 tmpfs /var/lib/deployer
printf 'Listen %s\\n' "$((port + 1000))" >/etc/apache2/ports.conf
rm -f /etc/apache2/sites-enabled/*
sed -i 's/^\\( *StartServers\\).*/\\1 1/; s/^\\( *MinSpareThreads\\).*/\\1 5/' \
  /etc/apache2/mods-available/mpm_event.conf
apache2ctl start
/usr/sbin/sshd -p "$port" -o PidFile=/run/sshd.pid
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """One of them."""

    host: FleetHost
    ssh_port: int

    @property
    def https_port(self) -> int:
        """Where a site of its own may listen."""
        return self.ssh_port + 2000


def machines(hosts: Sequence[FleetHost], each: int) -> tuple[Machine, ...]:
    """Start so many on each of these hosts."""
    wanted = [Machine(host, _FIRST_PORT + number) for host in hosts for number in range(each)]

    def start(machine: Machine) -> None:
        argv = ["unshare", "--mount", "sh", "-c", _MACHINE, "machine", str(machine.ssh_port)]
        machine.host.exec([*argv])

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(start, wanted):
            pass
    return tuple(wanted)
