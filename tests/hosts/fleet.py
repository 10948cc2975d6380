"""
Test hosts made of namespaces: Debian as it is installed here, many times over.

Each has its own network, mounts, processes and name, an overlay over this machine's root as its
root, an sshd on port 22 and Debian's own Apache. Nothing on this machine changes, and nothing is
left behind, even when the test process is killed: a host's first process reads from it.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypedDict, Unpack

from deployer.layouts import DEBIAN, Layout
from deployer.sandbox.processes import SYSTEM_PATH, until
from deployer.transport import Completed
from tests.hosts.host import Account, as_bytes, checked, write_command
from tests.hosts.network import Network, ip
from tests.hosts.prober import fetch, listens

INIT = Path(__file__).with_name("init.sh")
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid")
PATIENCE = 30


class Options(TypedDict, total=False):
    """What may be different about a host before it starts."""

    apache: Literal["running", "stopped", "absent"]
    tmpfs: Mapping[str, str]
    """Directory → mount options: `{"/etc/apache2/deployer": "size=64k,nr_inodes=20"}`."""
    files: Mapping[str, str | bytes]
    """Path → content, written before Apache starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHost:
    """A running host of a fleet."""

    name: str
    address: str
    private_key_file: Path
    known_hosts: Path
    pid: int
    """Its first process, as this machine numbers it."""
    cable: str
    """This machine's end of its network cable."""
    log: Path
    """What was said while it started."""
    process: subprocess.Popen[str] = field(repr=False)
    ssh_port: int = 22
    http_port: int = 80
    https_port: int = 443
    user: str = "root"
    layout: Layout = DEBIAN
    document_root: str = "/var/www/html"

    @property
    def site_url(self) -> str:
        return f"http://{self.address}/"

    @property
    def root(self) -> Path:
        return Path(f"/proc/{self.pid}/root")

    def exec(
        self, argv: Sequence[str], *, stdin: bytes = b"", check: bool = True, timeout: float = 60
    ) -> Completed:
        assert self.process.poll() is None, f"{self.name} is not running"
        enter = ["nsenter", f"--target={self.pid}", *NAMESPACES, "--root", "--wd", "--", *argv]
        environment = {"PATH": SYSTEM_PATH, "HOME": "/root", "LANG": "C"}
        ended = subprocess.run(
            enter, input=stdin, capture_output=True, env=environment, timeout=timeout, check=False
        )
        completed = Completed(status=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)
        return checked(completed, argv) if check else completed

    def read(self, path: str) -> bytes:
        return self.exec(["cat", path]).stdout

    def write(self, path: str, content: str | bytes, *, mode: int = 0o644) -> None:
        self.exec(write_command(path, mode), stdin=as_bytes(content))

    def sudo_user(self, *, password: str | None = None) -> Account:
        """Make a user who becomes root with sudo, with this password or without any."""
        account = self.plain_user("admin", password=password)
        rule = "ALL" if password else "NOPASSWD: ALL"
        self.write("/etc/sudoers.d/admin", f"admin ALL=(ALL:ALL) {rule}\n", mode=0o440)
        return account

    def plain_user(self, name: str = "guest", *, password: str | None = None) -> Account:
        """Make a user who may log in and no more: sudo refuses."""
        self.exec(["useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", name])
        if password:
            self.exec(["chpasswd"], stdin=f"{name}:{password}\n".encode())
        return Account(user=name, password=password)

    def unplug(self) -> None:
        """Pull the network cable: every packet is lost in silence, connections stay open."""
        ip(f"link set {self.cable} down")

    def plug(self) -> None:
        """Put the cable back."""
        ip(f"link set {self.cable} up")

    def kill(self) -> None:
        """End every process of the host at once, and its network with them. Safe to call twice."""
        # While `unshare` runs it has not reaped its child: the pid is still the host's.
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        _end(self.process)


class Fleet:
    """Hosts on one network, reached from this machine alone."""

    def __init__(self, directory: Path, network: Network) -> None:
        self.directory = directory
        self.private_key_file = directory / "client.key"
        self.known_hosts = directory / "known_hosts"
        """The keys of every host that was ever started in this fleet."""
        self._network = network
        self._hosts: list[FleetHost] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Set up a network and a client key; hosts come later. Needs an empty directory."""
        fleet = cls(directory, Network.start())
        _generate_key(fleet.private_key_file)
        fleet.known_hosts.touch()
        return fleet

    @property
    def bridge(self) -> str:
        """The network device that every host is connected to."""
        return self._network.bridge

    def host(self, name: str | None = None, **options: Unpack[Options]) -> FleetHost:
        """Start a host and wait until its sshd, and its Apache if it should run, answer."""
        number = next(self._numbers)
        host = self._boot(name or f"host{number}", number, options)
        answering = until(lambda: listens(host.address, host.ssh_port), timeout=PATIENCE)
        if options.get("apache", "running") == "running":
            answering = answering and until(lambda: _serves(host.site_url), timeout=PATIENCE)
        assert answering, f"{host.name} does not answer:\n{host.log.read_text()}"
        return host

    def hosts(self, count: int, **options: Unpack[Options]) -> tuple[FleetHost, ...]:
        """Start many hosts at once."""
        with ThreadPoolExecutor(max_workers=4) as pool:
            return tuple(pool.map(lambda _: self.host(**options), range(count)))

    def close(self) -> None:
        """End every host and remove the network."""
        with self._lock:
            for host in self._hosts:
                host.kill()
            self._hosts.clear()
        self._network.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _boot(self, name: str, number: int, options: Options) -> FleetHost:
        interface = self._network.interface(number)
        # A name may come again in the next test; a number never does.
        scratch = self.directory / str(number)
        (scratch / "root").mkdir(parents=True)
        _generate_key(scratch / "host_key")
        public_key = (scratch / "host_key.pub").read_text()
        with self._lock, self.known_hosts.open("a") as file:
            file.write(f"{interface.ip} {public_key}")
        arguments = (
            str(scratch),
            name,
            str(interface),
            f"{self.private_key_file}.pub",
            sys.base_prefix,
            options.get("apache", "running"),
        )
        log_file = scratch / "log"
        with log_file.open("w") as log:
            process = subprocess.Popen(
                [str(shutil.which("unshare")), *NAMESPACES, "--fork", "sh", str(INIT), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={},
                text=True,
            )
        try:
            host = FleetHost(
                name=name,
                address=str(interface.ip),
                private_key_file=self.private_key_file,
                known_hosts=self.known_hosts,
                pid=int(_hear(process, log_file)),
                cable=self._network.cable(number),
                log=log_file,
                process=process,
            )
            self._network.connect(number, host.pid)
            _hear(process, log_file, "ready")
            for path, mount in options.get("tmpfs", {}).items():
                host.exec(["mkdir", "-p", path])
                host.exec(["mount", "-t", "tmpfs", "-o", mount, "tmpfs", path])
            for path, content in options.get("files", {}).items():
                host.write(path, content)
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            _hear(process, log_file, "started")
        except BaseException:
            _end(process)
            raise
        with self._lock:
            self._hosts.append(host)
        return host


def _hear(process: subprocess.Popen[str], log: Path, expected: str = "") -> str:
    """Read the next line that a host says while it starts."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    said = f"the host did not start ({line!r}):\n{log.read_text()}"
    assert line, said
    assert not expected or line == expected, said
    return line


def _end(process: subprocess.Popen[str]) -> None:
    """Let a host's first process read the end of its input, and wait for the last of it."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    process.wait(timeout=PATIENCE)


def _generate_key(path: Path) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.stem, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def _serves(url: str) -> bool:
    try:
        return fetch(url, timeout=1).status == 200
    except OSError:
        return False
