"""
The keys of authorities in and out of the state: opened, exported, forgotten, sealed anew.

What leaves the state is the sealed key, never the key: its file is as safe as its passphrase.
"""

import base64
import binascii
import re
import textwrap
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import Connection, update

from deployer.errors import DeployerError
from deployer.pki.authority import Authority, Signer
from deployer.pki.keys import PrivateKey, is_same_key
from deployer.store import chain, register, rows, schema
from deployer.store.chain import Kind
from deployer.store.database import Database
from deployer.store.keys import Cost, DamagedKey, WrongPassphrase, seal, unseal
from deployer.store.rows import AuthorityRow

_LABEL = "DEPLOYER SEALED KEY"
_EXPORTED = re.compile(
    rf"-----BEGIN {_LABEL}-----\s*\n"
    r"(?P<headers>(?:[A-Za-z0-9-]+: [^\n]*\n)*)\s*\n"
    r"(?P<body>[A-Za-z0-9+/=\s]+)"
    rf"-----END {_LABEL}-----"
)


class KeyElsewhere(DeployerError):
    """The key was taken out of the state, and its file is needed to sign."""


class NotTheKey(DeployerError):
    """A file that is no exported key, or somebody else's."""


def sealed_key(row: AuthorityRow) -> bytes:
    """Take the sealed key from an authority's row."""
    if row.sealed_key is None:
        raise KeyElsewhere(
            f"the key of {row.owner} is not in this state: it was exported",
            hint="give --root-key and the file that `deployer ca export --root-key` wrote",
        )
    return row.sealed_key


def open_key(authority: Authority, sealed: bytes, passphrase: str) -> Signer:
    """Open a sealed key, if it is that of an authority's certificate."""
    whose = register.owner(authority)
    key = unseal(sealed, passphrase, owner=whose)
    if not is_same_key(key.public_key(), authority.certificate.public_key()):
        raise DamagedKey(f"the key of {whose} is not that of its certificate")
    return Signer(authority=authority, key=key)


def write_exported(authority: Authority, sealed: bytes) -> bytes:
    """Write a sealed key as text, with lines that say whose it is."""
    body = "\n".join(textwrap.wrap(base64.b64encode(sealed).decode(), 64))
    return (
        f"-----BEGIN {_LABEL}-----\n"
        f"Authority: {register.owner(authority)}\n"
        f"Subject: {authority.certificate.subject.rfc4514_string()}\n"
        f"Certificate-SHA256: {_fingerprint(authority)}\n"
        f"\n{body}\n"
        f"-----END {_LABEL}-----\n"
    ).encode()


def read_exported(text: bytes, authority: Authority) -> bytes:
    """Read the sealed key of an authority from what `write_exported` wrote."""
    found = _EXPORTED.search(text.decode("utf-8", errors="replace").replace("\r\n", "\n"))
    if found is None:
        raise NotTheKey(
            "the file holds no exported key",
            hint=f"it begins with -----BEGIN {_LABEL}-----",
        )
    headers = dict(line.split(": ", 1) for line in found["headers"].splitlines())
    if headers.get("Certificate-SHA256") != _fingerprint(authority):
        said = headers.get("Authority", "nobody")
        subject = authority.certificate.subject.rfc4514_string()
        raise NotTheKey(
            f"the file holds the key of {said}, and not that of {subject}",
            hint="give the file that was exported from this state",
        )
    try:
        return base64.b64decode("".join(found["body"].split()), validate=True)
    except binascii.Error as error:
        raise NotTheKey("the exported key is cut off", hint="copy the whole file") from error


def forget(database: Database, row_id: int, *, now: datetime) -> bool:
    """Take a key out of the state; what is forgotten already is only wiped again."""
    with database.writer() as writer:
        with writer.transaction() as connection:
            if register.read(connection, row_id).sealed_key is not None:
                table = schema.authorities
                connection.execute(
                    update(table).where(table.c.id == row_id).values(sealed_key=None)
                )
                register.note(connection, row_id, Kind.KEY_EXPORTED, at=now)
        return writer.wipe()


def change_passphrase(database: Database, old: str, new: str, *, now: datetime, cost: Cost) -> bool:
    """
    Seal every key anew, all or none.

    The new key is opened once before it replaces the old: nothing else could bring it back.
    """
    if not new:
        raise WrongPassphrase("the passphrase is empty", hint="choose one of several words")
    with database.writer() as writer:
        with writer.transaction() as connection:
            table = schema.authorities
            changed = []
            for row in register.everyone(connection):
                if row.sealed_key is None:
                    continue
                key = unseal(row.sealed_key, old, owner=row.owner)
                sealed = seal(key, new, owner=row.owner, cost=cost)
                unseal(sealed, new, owner=row.owner)
                this = update(table).where(table.c.id == row.id)
                connection.execute(this.values(sealed_key=sealed))
                facts = rows.authority_facts(row._replace(sealed_key=sealed))
                changed.append((Kind.PASSPHRASE_CHANGED, facts))
            chain.append(connection, changed, at=now)
        return writer.wipe()


def check_passphrase(connection: Connection, passphrase: str) -> None:
    """
    Refuse a passphrase that does not open the keys that are here, before another is sealed with it.

    A key under a mistyped passphrase would be lost, and nobody would know for years.
    """
    for row in reversed(register.everyone(connection)):
        if row.sealed_key is not None:
            unseal(row.sealed_key, passphrase, owner=row.owner)
            return


def open_exported(text: bytes, passphrase: str) -> PrivateKey:
    """Open an exported key whose state is lost: it says itself whose it is."""
    found = _EXPORTED.search(text.decode("utf-8", errors="replace").replace("\r\n", "\n"))
    headers = dict(line.split(": ", 1) for line in found["headers"].splitlines()) if found else {}
    if found is None or "Authority" not in headers:
        raise NotTheKey("it holds no exported key that is whole", hint="copy the whole file")
    try:
        sealed = base64.b64decode("".join(found["body"].split()), validate=True)
    except binascii.Error as error:
        raise NotTheKey("the exported key is cut off", hint="copy the whole file") from error
    return unseal(sealed, passphrase, owner=headers["Authority"])


def is_exported(text: bytes) -> bool:
    """Say whether a file looks like what `write_exported` wrote."""
    return f"-----BEGIN {_LABEL}-----".encode() in text


def _fingerprint(authority: Authority) -> str:
    return authority.certificate.fingerprint(SHA256()).hex()
