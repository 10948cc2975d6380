"""A real sshd on a loopback port, for these tests alone."""

import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TypeVar

from deployer.spec.connection import Become
from deployer.transport.known_hosts import KnownHosts
from deployer.transport.route import Route

Found = TypeVar("Found")

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host_ed25519
HostKey {home}/host_rsa
PidFile none
AuthorizedKeysFile {home}/authorized_keys
StrictModes no
UsePAM {pam}
PasswordAuthentication {password}
KbdInteractiveAuthentication {question}
PermitRootLogin yes
LogLevel {log_level}
MaxStartups 100
{extra}
"""


def way_to(
    port: int,
    *,
    address: str = "127.0.0.1",
    user: str | None = None,
    key: Path | None = None,
    password: str | None = None,
    become: Become | None = None,
) -> Route:
    """The way to an sshd under test."""
    return Route(
        name="web1",
        address=address,
        port=port,
        user=user or getpass.getuser(),
        private_key_file=key,
        password=password,
        become=become,
    )


class Sshd:
    """A running sshd: its home directory, its log, its processes."""

    def __init__(self, home: Path, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.home = home
        self.port = port
        self._process = process
        self._frozen: list[int] = []

    @property
    def key(self) -> Path:
        return self.home / "user_ed25519"

    def host_key(self, kind: str = "ed25519") -> str:
        """The type and the text of a host key, as known_hosts has them."""
        words = (self.home / f"host_{kind}.pub").read_text().split()
        return " ".join(words[:2])

    def known_hosts(self, *kinds: str) -> KnownHosts:
        known = KnownHosts()
        for kind in kinds or ("ed25519", "rsa"):
            known.add(f"[127.0.0.1]:{self.port} {self.host_key(kind)}")
        return known

    def log_from(self, position: int, *, until: str) -> str:
        """What the log says after a position, once a line holds one of our words."""
        return wait_for(
            lambda: text if until in (text := self.log()[position:]) else None,
            f"{until!r} in the log of sshd",
        )

    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    def processes(self) -> list[int]:
        """Those that serve connections: all but the one that listens, and its wrapper."""
        below = _descendants(self._process.pid)
        return [pid for pid in below if pid != self.listener() and _name(pid) == "sshd"]

    def listener(self) -> int:
        """The process that accepts connections."""
        pid = self._process.pid
        return pid if _name(pid) == "sshd" else _children(pid)[0]

    def freeze(self) -> None:
        """Stop every process that serves a connection."""
        self._frozen += self.processes()
        for pid in self._frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> int:
        """Let them go on; says how many had been stopped."""
        count = len(self._frozen)
        while self._frozen:
            with suppress(ProcessLookupError):
                os.kill(self._frozen.pop(), signal.SIGCONT)
        return count

    def cut(self) -> None:
        """Kill every process that serves a connection."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """End it, with everything that it started."""
        for pid in [*_descendants(self._process.pid), self._process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def sshd(
    home: Path,
    *,
    extra: str = "",
    within: tuple[str, ...] = (),
    log_level: str = "VERBOSE",
    prepare: Callable[[], None] = lambda: None,
    asks: bool = False,
) -> Iterator[Sshd]:
    """
    Run sshd, perhaps through a wrapper command, until the block ends.

    `prepare` is called when its keys have been made. One that `asks` takes passwords as answers to
    questions alone, which PAM asks.

    At levels of debugging, its log is mixed into what commands say.
    """
    port = free_port()
    for name, kind in (
        ("host_ed25519", "ed25519"),
        ("host_rsa", "rsa"),
        ("user_ed25519", "ed25519"),
    ):
        keygen(home / name, kind)
    (home / "authorized_keys").write_text((home / "user_ed25519.pub").read_text())
    (home / "config").write_text(
        CONFIG.format(
            home=home,
            port=port,
            log_level=log_level,
            extra=extra,
            pam="yes" if asks else "no",
            password="no" if asks else "yes",
            question="yes" if asks else "no",
        )
    )
    prepare()
    command = [*within, "/usr/sbin/sshd", "-D", "-e", "-f", f"{home}/config"]
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd asks for it, systemd makes it
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
    server = Sshd(home, port, process)
    try:
        server.log_from(0, until="Server listening")
        yield server
    finally:
        server.kill()


def keygen(path: Path, kind: str, *options: str, passphrase: str = "") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", path, *options],
        check=True,
    )
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(look: Callable[[], Found | None], what: str, seconds: float = 10) -> Found:
    """Look again and again until there is something to see."""
    until = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < until, f"no {what} within {seconds} s"
        Event().wait(0.01)
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _descendants(pid: int) -> list[int]:
    return [found for child in _children(pid) for found in (child, *_descendants(child))]
