"""The lines of sudoers(5) that our commands need, and what they mean."""

import re
from collections import defaultdict
from collections.abc import Iterable

from deployer.errors import DeployerError
from deployer.transport.route import Route

_SHELLS = "/bin/sh, /usr/bin/sh"
"""A shell is all that is started through sudo; which of the two is found depends on the system."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*\$?")


def sudoers_of(routes: Iterable[Route], *, user: str) -> str:
    """Write the rules for whoever logs in to these hosts, to become `user` without a password."""
    hosts: defaultdict[str, list[str]] = defaultdict(list)
    for route in routes:
        hosts[route.user].append(route.name)
    return "\n".join(
        _rules(account, names, user) for account, names in sorted(hosts.items()) if account != user
    )


def _rules(account: str, names: list[str], user: str) -> str:
    for name in (account, user):
        if not _NAME.fullmatch(name):
            raise DeployerError(f"{name!r} cannot be written into sudoers as it stands")
    return (
        f"# /etc/sudoers.d/deployer on {', '.join(names)}; `visudo -cf FILE` checks it.\n"
        f"# Our commands reach a shell on its standard input, so these lines give {account}\n"
        f"# all the rights of {user}: what matters is who may log in as {account}.\n"
        f"Defaults:{account} !requiretty\n"
        f"{account} ALL=({user}) NOPASSWD: {_SHELLS}\n"
    )
