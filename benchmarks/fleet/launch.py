"""
Run a command and say what it took: `python -S launch.py FILE COMMAND...`.

A process counts as its own the memory that it had before it became another program. So a command
is started from this one, which has next to none, and not from the one that measures.
"""
# ruff: noqa: INP001 (a directory of a program)

import os
import sys
import time


def main() -> int:
    """Write seconds, CPU seconds and KiB to the file, and end as the command did."""
    file, *argv = sys.argv[1:]
    begun = time.monotonic()
    pid = os.posix_spawnp(argv[0], argv, os.environ)
    _, status, used = os.wait4(pid, 0)
    seconds = time.monotonic() - begun
    with open(file, "w") as said:  # noqa: PTH123 - pathlib alone would be more than all of this
        said.write(f"{seconds} {used.ru_utime + used.ru_stime} {used.ru_maxrss}")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
