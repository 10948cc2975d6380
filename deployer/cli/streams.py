"""
The standard streams, made fit for a run that changes hosts.

Somebody may have closed them or sent them to a full disk. What fails on stdout is an error that
says so; what fails on stderr is lost, for the work itself must not end because nobody listens.
"""

import io
import os
import select
import stat
import sys
from contextlib import suppress
from typing import Any, ClassVar, TextIO

STDOUT = "stdout"
"""What errors call it."""


class NobodyReads(OSError):
    """
    The reader of stdout has gone.

    No `BrokenPipeError`: rich and Typer take that for themselves and exit in their own ways.
    """


def open_all() -> None:
    """
    Replace stdin, stdout and stderr, and occupy those that are closed.

    The next file that is opened would get the number of a closed stream, and what a child
    process prints would end up in it. The lowest number comes first, so each gets its own.
    """
    if sys.stdin is None:
        sys.stdin = open(os.open(os.devnull, os.O_RDONLY), closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        os.open(os.devnull, os.O_RDONLY)  # writing to it fails as to a closed one
    sys.stdout = _text(_Stdout(1, "w", closefd=False), sys.stdout)
    if sys.stderr is None:
        os.open(os.devnull, os.O_WRONLY)
    sys.stderr = _text(_Stderr(2, "w", closefd=False), sys.stderr)


def trouble() -> str:
    """
    Say why what is written to stdout gets nowhere, if that is known.

    A reader that has gone shows before the next word is written to it.
    """
    if not _Stdout.lost and _reader_has_gone(1):
        _Stdout.lost = "nobody reads"
    return f"stdout is lost: {_Stdout.lost}" if _Stdout.lost else ""


def _reader_has_gone(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(what & (select.POLLERR | select.POLLHUP) for _, what in poll.poll(0))


def abandon_stdout() -> None:
    """Drop what could not be written; Python would try once more while exiting, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Stdout(io.FileIO):
    """Says which file it is when a write fails; the system does not."""

    lost: ClassVar[str] = ""
    """Why writing has failed, once it has."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError as error:
            _Stdout.lost = "nobody reads"
            raise NobodyReads(STDOUT) from error
        except OSError as error:
            _Stdout.lost = f"{error.strerror}"
            error.filename = STDOUT
            raise


class _Stderr(io.FileIO):
    """Takes everything, and keeps what can be written."""

    def write(self, data: Any, /) -> int:
        with suppress(OSError):
            return super().write(data)
        return memoryview(data).nbytes


def _text(raw: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if before is None else before.encoding,
        errors="backslashreplace",  # a name in another alphabet is no reason to stop
        line_buffering=True,
    )
