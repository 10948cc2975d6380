"""
Run a command and say what it took: `python -S launch.py FILE COMMAND...`.

A process counts as its own the memory that it had before it became another program. So a command
is started from this one, which has next to none, and not from the one that measures.
"""
# ruff: noqa: INP001 (a directory of a program)

import os
import sys
import time
from collections.abc import Sequence


def by_way_of_this(file: str, argv: Sequence[str]) -> tuple[str, ...]:
    """Return what to type so that the figures of a command come into a file."""
    return (sys.executable, "-S", __file__, file, *argv)


def figures(file: str) -> tuple[float, float, float]:
    """Read seconds, seconds of CPU, and megabytes; nothing but zeros if the command was killed."""
    with open(file) as said:  # noqa: PTH123 - pathlib alone would be more than all of this
        seconds, cpu, memory = map(float, said.read().split() or (0, 0, 0))
    return seconds, cpu, memory / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main() -> int:
    """Write down what a command took, and end as it did."""
    file, *argv = sys.argv[1:]
    begun = time.monotonic()
    pid = os.posix_spawnp(argv[0], argv, os.environ)
    _, status, used = os.wait4(pid, 0)
    seconds = time.monotonic() - begun
    with open(file, "w") as said:  # noqa: PTH123
        said.write(f"{seconds} {used.ru_utime + used.ru_stime} {used.ru_maxrss}")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
