"""
Password files: what `AuthUserFile` names, one user and hash a line.

Apache reads more than should be written. It takes the first of two lines of one user, ends a hash
at a second colon, and knows kinds of hashes that are guessed in no time.
"""

import re
from collections.abc import Iterator, Mapping

from deployer.errors import DeployerError

_BCRYPT = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")
_APACHE_MD5 = re.compile(r"\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}")
_WEAK = {
    "{SHA}": "SHA-1 without a salt",
    "$1$": "MD5",
    "$5$": "SHA-256, which Apache knows on some systems alone",
    "$6$": "SHA-512, which Apache knows on some systems alone",
    "$2x$": "bcrypt as old PHP had it, with a mistake in it",
}
_LONGEST_USER = 255  # as `htpasswd` has it
_SHOWN = 3  # of the lines that are wrong


class BadPasswordFile(DeployerError):
    """A file of passwords in which somebody could not log in, or anybody could."""


def write_passwords(users: Mapping[str, str]) -> bytes:
    """
    Write a password file.

    `$2b$` and `$2y$` are two names of one thing, and Apache's own library knows the second only.
    """
    lines = (f"{user}:{_spelt(hashed)}\n" for user, hashed in sorted(users.items()))
    return "".join(lines).encode()


def read_passwords(name: str, content: bytes) -> dict[str, str]:
    """Read a file as `htpasswd` writes it, called `name`; every mistake is told at once."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BadPasswordFile(f"{name} is not UTF-8 text") from None
    users: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        user, _, hashed = entry.partition(":")
        wrong += [f"line {number} {why}" for why in _faults(user, hashed, entry, users)]
        users[user] = hashed
    if not users:
        wrong.append("there is nobody in it")
    if wrong:
        more = f" (and {len(wrong) - _SHOWN} more)" if len(wrong) > _SHOWN else ""
        raise BadPasswordFile(
            f"{name}: {'; '.join(wrong[:_SHOWN])}{more}",
            hint=f"htpasswd -B {name} USER writes a line that will do",
        )
    return users


def _faults(user: str, hashed: str, entry: str, known: Mapping[str, str]) -> Iterator[str]:
    """Say what is wrong with a line, and nothing of what may be a password in it."""
    if ":" not in entry:
        yield "has no colon: user:hash is expected"
        return
    if not user or user != user.strip() or not user.isprintable() or len(user) > _LONGEST_USER:
        yield "does not begin with a user's name"
        return
    if user in known:
        yield f"has {user} once more, and Apache takes the first"
    if not hashed:
        yield f"gives {user} no hash"
    elif ":" in hashed:
        yield f"has a second colon after {user}: it may be of htdigest, which is something else"
    elif not (_BCRYPT.fullmatch(hashed) or _APACHE_MD5.fullmatch(hashed)):
        weak = next((kind for start, kind in _WEAK.items() if hashed.startswith(start)), "")
        what = f"a hash of a kind that is not taken: {weak}" if weak else "no bcrypt hash"
        yield f"gives {user} {what}"


def _spelt(hashed: str) -> str:
    return f"$2y${hashed[4:]}" if hashed.startswith("$2b$") else hashed
