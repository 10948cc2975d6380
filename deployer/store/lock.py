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
from contextlib import contextmanager, suppress
from pathlib import Path

from deployer.errors import DeployerError, Locked

_PAUSE = 0.005


class CannotLock(DeployerError):
    """The lock file cannot be opened, or its file system knows no locks."""


@contextmanager
def held(
    path: Path, *, timeout: float, who: str = "", hint: str = "wait for it to end"
) -> Iterator[None]:
    """
    Hold a lock file, waiting no longer than `timeout` seconds for its holder.

    `who` says whom others are told of; otherwise it is the number of the process.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _cannot(path, error) from error
    try:
        deadline = time.monotonic() + timeout
        while not _try_lock(descriptor, path):
            if time.monotonic() >= deadline:
                raise Locked(
                    f"{path.parent} is in use by {_holder(descriptor)}",
                    hint=hint,
                )
            time.sleep(_PAUSE)
        with suppress(OSError):  # who holds it is good to know; on a full disk it holds as well
            os.ftruncate(descriptor, 0)
            process = f"process {os.getpid()} on {socket.gethostname()}"
            os.pwrite(descriptor, (f"{who} ({process})" if who else process).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _cannot(path, error) from error
    return True


def _cannot(path: Path, error: OSError) -> CannotLock:
    return CannotLock(
        f"cannot lock {path}: {error.strerror}", hint=f"ls -la {path.parent}; df {path.parent}"
    )


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
