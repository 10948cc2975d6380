"""What a command took: seconds, CPU with that of everything it started, and its largest process."""
# ruff: noqa: INP001 (a directory of a program)

import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.launch import by_way_of_this, figures

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)


class Failed(Exception):
    """A command that was to be measured did not do its job."""


class Measured(NamedTuple):
    """What one command took."""

    seconds: float
    cpu: float
    """User and system, of all its processes, also those that it left behind."""
    megabytes: float
    """The most that any one of its processes had in memory."""


def adopt_orphans() -> None:
    """Have what measured commands leave behind become ours: a ControlPersist master has a cost."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def took(
    argv: Sequence[str],
    *,
    cwd: Path,
    timeout: float,
    env: Mapping[str, str] | None = None,
    statuses: Sequence[int] = (0,),
) -> Measured:
    """Run a command to its end; raise `Failed` with its last words unless it did its job."""
    before = _children()
    with tempfile.TemporaryFile() as said, tempfile.NamedTemporaryFile() as noted:
        process = subprocess.Popen(
            by_way_of_this(noted.name, argv),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        overdue = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
        overdue.start()
        process.wait()
        overdue.cancel()
        seconds, cpu, megabytes = figures(noted.name)
        for orphan in _children() - before - {process.pid}:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(orphan, signal.SIGTERM)
                _, _, late = os.wait4(orphan, 0)
                cpu += late.ru_utime + late.ru_stime
        if process.returncode not in statuses:
            said.seek(0)
            words = said.read().decode(errors="replace")[-1500:]
            why = "was too slow" if process.returncode < 0 else f"ended with {process.returncode}"
            raise Failed(f"{' '.join(argv)[:300]} {why}:\n{words}")
    return Measured(seconds, cpu, megabytes)


def _children() -> frozenset[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return frozenset(int(word) for task in tasks for word in task.read_text().split())
