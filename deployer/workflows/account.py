"""The account that runs us."""

import getpass


def login_name() -> str | None:
    """Return its name; in a container, a user id need not have one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the second since Python 3.13
        return None
