"""
Run a command of the project on this computer, within a deadline.

It has a process group of its own: Ctrl-C at the terminal is for the run, which lets it end. When
its time is over the whole group is ended, with whatever the command has started in it.
"""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MOST_KEPT = 64 * 1024
"""Bytes of the end of what a command prints: one that never stops printing must not fill us."""
LONGEST_WORDS = 200

_CHUNK = 64 * 1024
_TIDYING = 2.0
"""Seconds between asking a group to end and ending it."""
_LISTENING = 1.0
"""Seconds to hear the rest of a command that has ended; what it left behind may print for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended."""

    problem: str = ""
    """What went wrong, with its last words; empty when it ended with 0."""
    output: str = ""
    """The end of what it printed, on either stream."""

    @property
    def last_words(self) -> str:
        """The last line that it printed."""
        return _last_words(self.output)


def run_hook(
    argv: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    told: Sequence[str],
    timeout: float,
) -> Ran:
    """Run a command, with lines on its standard input, for so many seconds at most."""
    kept = bytearray()
    try:
        # A file and no pipe: nobody has to wait until it is read, or cares whether it is.
        with tempfile.TemporaryFile() as stdin:
            stdin.write("".join(f"{line}\n" for line in told).encode())
            stdin.seek(0)
            process = subprocess.Popen(
                argv,
                cwd=directory,
                env=dict(environment),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        return Ran(problem=f"cannot be executed: {error.strerror}")
    listener = threading.Thread(target=_listen, args=(process.stdout, kept), daemon=True)
    listener.start()
    problem = _ended(process, timeout)
    listener.join(_LISTENING)
    output = bytes(kept).decode(errors="replace")
    words = _last_words(output)
    return Ran(problem=f"{problem}: {words}" if problem and words else problem, output=output)


def _ended(process: "subprocess.Popen[bytes]", timeout: float) -> str:
    """Wait for the end of a process, or bring it about; say what was wrong with it."""
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"did not end within {timeout:g} s"
    except BaseException:
        _end(process)
        raise
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}" if status else ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_TIDYING)
    with suppress(ProcessLookupError):  # others of the group may not have heard
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _listen(pipe: IO[bytes] | None, kept: bytearray) -> None:
    if pipe is None:
        return
    with pipe:
        while data := os.read(pipe.fileno(), _CHUNK):
            kept += data
            del kept[:-MOST_KEPT]


def _last_words(output: str) -> str:
    said = [line.strip() for line in output.splitlines() if line.strip()]
    return said[-1][:LONGEST_WORDS] if said else ""
