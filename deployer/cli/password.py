"""`deployer password`: a line for the users of a site that asks for passwords."""

from typing import Annotated

import typer

from deployer.errors import DeployerError

LEAST_COST, HIGHEST_COST = 10, 17
"""Apache hashes the password of every request anew: at 10 in some 50 ms, at 17 in seven seconds."""


class NoPassword(DeployerError):
    """No password was given, or two."""


def password(
    user: Annotated[str, typer.Argument(help="who logs in with it")],
    cost: Annotated[
        int,
        typer.Option(
            min=LEAST_COST,
            max=HIGHEST_COST,
            help="how hard hashing is, for Apache too: each step doubles it",
        ),
    ] = LEAST_COST,
) -> None:
    """
    Print the line for a user below passwords.users, with the hash of their password.

    Asks for it twice, or reads one line where stdin is no terminal.
    """
    from pydantic import ValidationError

    from deployer.report import console
    from deployer.spec.access import Passwords
    from deployer.workflows.passwords import hashed

    secret = _secret()
    line = hashed(secret, cost=cost)
    try:
        Passwords(users={user: line})
    except ValidationError as error:
        raise NoPassword(
            f"{user!r} is not a user name", hint="letters, digits and ._@+-, 64 at most"
        ) from error
    console.data(f'{_key(user)}: "{line}"')


def _key(user: str) -> str:
    """Write a user's name so that YAML reads that name, and not a number or a truth."""
    import yaml

    try:
        read = yaml.safe_load(f"{user}: 1")
    except yaml.YAMLError:
        read = None
    return user if read == {user: 1} else f'"{user}"'


def _secret() -> str:
    import getpass
    import sys

    try:
        if not sys.stdin.isatty():
            return sys.stdin.buffer.readline().decode().rstrip("\r\n")
        first = getpass.getpass("password: ")
        again = getpass.getpass("once more: ")
    except (EOFError, UnicodeDecodeError):
        # Without its cause, which carries what was typed.
        raise NoPassword("no password was typed, or not as UTF-8") from None
    if first != again:
        raise NoPassword("the two passwords differ", hint="type the command again")
    return first
