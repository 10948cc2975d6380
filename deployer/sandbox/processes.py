"""
The processes of a sandbox: found, started, waited for on evidence, and stopped without a trace.

Apache leaves its parent, and so does anything that a host script detaches. All of them carry
the sandbox's directory in their environment, which is how they are recognised at the end, and
at the start of the next sandbox in the same directory when this one was killed.
"""

import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from deployer.errors import DeployerError

MARK = "DEPLOYER_SANDBOX"
# Debian keeps daemons where a plain user's PATH does not look.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INTERVAL = 0.005


def find(program: str, *, package: str) -> str:
    """Return the absolute path of an installed program, or say how to install it."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    if found := shutil.which(program, path=path):
        return found
    raise DeployerError(f"{program} is not installed", hint=f"sudo apt-get install {package}")


def environment(directory: Path) -> dict[str, str]:
    """Return the whole environment of a sandbox's processes: nothing of the caller's."""
    return {"PATH": SYSTEM_PATH, "LANG": "C", MARK: str(directory)}


def until(evidence: Callable[[], bool], *, timeout: float) -> bool:
    """Wait until there is evidence; say whether it came in time."""
    deadline = time.monotonic() + timeout
    while not evidence():
        if time.monotonic() > deadline:
            return False
        time.sleep(INTERVAL)
    return True


def tail(log: Path) -> str:
    """Return the last lines of a log, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError as error:
        return str(error)
    return "\n".join(lines[-10:])


def stop_all(directory: Path, *, roots: Iterable[int] = (), timeout: float = 5) -> None:
    """
    End every process of a sandbox: those that carry its mark, the roots and their descendants.

    The descendants are needed for sshd, which writes its title over its environment. Each
    process is held by a descriptor before it is looked at, so a reused pid is never signalled.
    """
    with ExitStack() as held:
        family = _descendants(frozenset(roots))
        running = []
        for pid in _pids():
            with suppress(OSError):
                descriptor = os.pidfd_open(pid)
                held.callback(os.close, descriptor)
                if pid in family or _is_marked(pid, directory):
                    running.append(descriptor)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for descriptor in running:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
            running = _still_running(running, timeout=timeout)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _is_marked(pid: int, directory: Path) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's: not ours either way
        return False
    return os.fsencode(f"{MARK}={directory}") in variables


def _descendants(roots: frozenset[int]) -> frozenset[int]:
    parents = {}
    for pid in _pids():
        with suppress(OSError):
            status = Path(f"/proc/{pid}/stat").read_text()
            # The second field is a name in parentheses that may itself contain spaces.
            parents[pid] = int(status.rpartition(")")[2].split()[1])
    family, grown = frozenset[int](), roots
    while grown != family:
        family = grown
        grown = family | {pid for pid, parent in parents.items() if parent in family}
    return family


def _still_running(descriptors: list[int], *, timeout: float) -> list[int]:
    """Wait for processes to end; a process's descriptor is readable once it has."""
    deadline = time.monotonic() + timeout
    waiting = set(descriptors)
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    while waiting and (left := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            waiting.discard(descriptor)
    return list(waiting)
