"""Hashes of passwords, for a line below `passwords.users` in an inventory."""

import bcrypt

from deployer.errors import DeployerError

LONGEST = 72
"""Bytes of which bcrypt takes notice: what follows would be no part of the password."""
SHORTEST = 8


class BadPassword(DeployerError):
    """A password that cannot be hashed, or should not."""


def hashed(password: str, *, cost: int) -> str:
    """Hash a password with bcrypt, spelt as Apache's own library knows it."""
    if not password.isprintable():
        raise BadPassword("the password has a character that nobody can type")
    secret = password.encode()
    if len(secret) > LONGEST:
        raise BadPassword(
            f"bcrypt takes notice of {LONGEST} bytes of a password, and this one has {len(secret)}",
            hint="choose a shorter one; letters with accents count for two or more",
        )
    if len(password) < SHORTEST:
        raise BadPassword(f"a password has at least {SHORTEST} characters")
    # What the library calls 2b is what Apache calls 2y.
    return f"$2y${bcrypt.hashpw(secret, bcrypt.gensalt(cost)).decode()[4:]}"
