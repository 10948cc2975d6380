"""The hosts that are measured, real sshd and Apache in namespaces, and one way to each."""
# ruff: noqa: INP001 (a directory of a program)

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet.relay import distance
from tests.hosts.fleet import Fleet, FleetHost

SITE = "www.example.com"
# As it was after installation, whoever has configured it since.
_RESET = """
apache2ctl stop >/dev/null 2>&1
rm -rf /etc/apache2/deployer /var/lib/deployer /etc/apache2/mtls /etc/apache2/sites-enabled/*
rm -f /etc/apache2/sites-available/mtls.conf
cd /etc/apache2/mods-enabled && rm -f ssl.* socache_shmcb.* headers.*
ln -sf ../sites-available/000-default.conf /etc/apache2/sites-enabled/000-default.conf
tries=0
while [ -e /run/apache2/apache2.pid ] && [ $tries -lt 100 ]; do
  sleep 0.05
  tries=$((tries + 1))
done
until apache2ctl start; do # the last workers of the old one may hold its ports a moment longer
  [ $tries -lt 200 ] || exit 1
  sleep 0.05
  tries=$((tries + 1))
done
"""

# Others need what we do not; Debian's own configuration has it.
_WITH_SFTP = """
echo 'Subsystem sftp internal-sftp' >>/etc/ssh/sshd_config
sshd=$(cat /run/sshd.pid)
kill "$sshd"
while kill -0 "$sshd" 2>/dev/null; do sleep 0.01; done
/usr/sbin/sshd
"""


@dataclass(frozen=True, slots=True)
class Way:
    """How one host is reached, by whatever program."""

    name: str
    host: FleetHost
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Lab:
    """Hosts, the ways to them, and what every program needs to log in."""

    directory: Path
    ways: Sequence[Way]
    key: Path
    known_hosts: Path

    def reset(self) -> None:
        """Take every host back to an Apache that nobody has configured yet."""
        with ThreadPoolExecutor(4) as pool:
            for _ in pool.map(lambda way: way.host.exec(["sh", "-c", _RESET]), self.ways):
                pass


@contextlib.contextmanager
def started(count: int) -> Iterator[Lab]:
    """Start hosts, and end them all."""
    with tempfile.TemporaryDirectory(prefix="deployer-bench-") as name:
        directory = Path(name)
        (directory / "fleet").mkdir()
        with Fleet.start(directory / "fleet") as fleet:
            hosts = fleet.hosts(count)
            for host in hosts:
                host.exec(["sh", "-c", _WITH_SFTP])
            ways = [
                Way(f"web{number:03d}", host, host.address, host.ssh_port)
                for number, host in enumerate(hosts, start=1)
            ]
            yield Lab(directory, ways, fleet.private_key_file, fleet.known_hosts)


@contextlib.contextmanager
def far(lab: Lab, rtt: float, name: str, *, count: int | None = None) -> Iterator[Lab]:
    """Lend the same hosts, or the first of them, at a distance of `rtt` seconds there and back."""
    ways = lab.ways[:count]
    directory = lab.directory / name
    directory.mkdir()
    with distance(rtt, [f"{way.address}:{way.port}" for way in ways]) as ports:
        keys = dict(line.split(maxsplit=1) for line in lab.known_hosts.read_text().splitlines())
        known = [
            f"[127.0.0.1]:{port} {keys[way.address]}\n"
            for way, port in zip(ways, ports, strict=True)
        ]
        (directory / "known_hosts").write_text("".join(known))
        moved = [
            Way(way.name, way.host, "127.0.0.1", port)
            for way, port in zip(ways, ports, strict=True)
        ]
        yield Lab(directory, moved, lab.key, directory / "known_hosts")
