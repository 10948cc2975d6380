"""Room for a connection to every host: each of them is an open file of this process, or three."""

import resource
from contextlib import suppress

_OF_A_HOST = 3
"""Its socket, and a pair of them where it lies behind another host or a command."""
_OTHERS = 256


def make_room(hosts: int) -> None:
    """
    Raise the limit of open files for so many hosts at once, as far as this process may.

    A shell gives 1,024 (`ulimit -n`), and that is the soft limit, which is ours to raise
    (setrlimit(2)).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OTHERS + _OF_A_HOST * hosts
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if resource.RLIM_INFINITY != soft < wanted:
        with suppress(ValueError, OSError):  # a system may have a limit above the limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
