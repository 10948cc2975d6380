"""The floor: `ssh host true` by OpenSSH to every host, so many at once."""
# ruff: noqa: INP001 (a directory of a program)

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.fleet.lab import Lab
from benchmarks.fleet.timing import Measured, took

FORKS = 50
OURS = ("-o", "KexAlgorithms=curve25519-sha256")
"""The key exchange that we negotiate with these hosts."""
DEFAULT: tuple[str, ...] = ()
_WITHIN = 300


class Floor:
    """A fan-out of one program, by xargs: a driver that costs next to nothing itself."""

    def __init__(self, lab: Lab, options: Sequence[str] = OURS) -> None:
        """`options`: of ssh(1), besides those with which it reaches the hosts."""
        self._lab = lab
        self._options = [*_reaching(lab), *options]
        self._file = lab.directory / "ways"
        lines = (f"-p {way.port} root@{way.address} true\n" for way in lab.ways)
        self._file.write_text("".join(lines))

    def measure(self) -> Measured:
        """Reach every host once."""
        argv = ["xargs", "-a", str(self._file), "-P", str(FORKS), "-L", "1", "ssh", *self._options]
        return took(argv, cwd=self._lab.directory, timeout=_WITHIN)


@contextlib.contextmanager
def standing(lab: Lab) -> Iterator[Floor]:
    """Lend a fan-out over connections that stand already (ControlMaster of ssh_config(5))."""
    sockets = lab.directory / "masters"
    sockets.mkdir(exist_ok=True)
    path = ("-o", f"ControlPath={sockets}/%p-%h")
    masters = [
        subprocess.Popen(
            [
                *("ssh", *_reaching(lab), *OURS, *path, "-M", "-N"),
                *("-p", str(way.port), f"root@{way.address}"),
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for way in lab.ways
    ]
    try:
        _await_sockets(sockets, len(masters))
        yield Floor(lab, path)
    finally:
        for master in masters:
            master.terminate()
        for master in masters:
            master.wait()


def _await_sockets(directory: Path, count: int) -> None:
    until = time.monotonic() + _WITHIN
    while len(list(directory.iterdir())) < count:
        if time.monotonic() > until:
            raise TimeoutError("the standing connections do not stand")
        time.sleep(0.05)


def _reaching(lab: Lab) -> list[str]:
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityFile": lab.key,
        "LogLevel": "ERROR",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": lab.known_hosts,
    }
    return ["-F", "none", *(word for key, value in options.items() for word in _option(key, value))]


def _option(name: str, value: object) -> tuple[str, str]:
    return "-o", f"{name}={value}"
