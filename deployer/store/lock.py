"""
One writer at a time: a lock on a file that the kernel releases when its holder dies.

SQLite's own lock lasts for a transaction. Issuing is two, with a signature between them, and
whoever holds this lock knows that a certificate that was intended and not issued is nobody's.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployer.errors import Locked

_PAUSE = 0.005


@contextmanager
def held(path: Path, *, timeout: float) -> Iterator[None]:
    """Hold a lock file, waiting no longer than `timeout` seconds for its holder."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise Locked(
                    f"{path.parent} is in use by {_holder(descriptor)}",
                    hint="wait for it to end, or give --lock-timeout more seconds",
                )
            time.sleep(_PAUSE)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
