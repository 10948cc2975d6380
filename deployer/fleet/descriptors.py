"""Room for a connection to every host: each is an open file of this process, or two."""

import resource
from contextlib import suppress

_OF_A_HOST = 3
"""Its socket, or a pair of them where it lies behind another host; and one while a command runs."""
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
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(ValueError, OSError):  # a system may have a limit below the hard one
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
