"""The passphrases of encrypted keys to log in with: asked for once, before the first connection."""

import getpass
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deployer.spec.connection import Connection
from deployer.transport.keys import EncryptedKey, UnusableKey, is_in_agent, load_key


def with_passphrases(connections: Sequence[Connection]) -> tuple[Connection, ...]:
    """
    Give connections the passphrases of the keys that the inventory or the command line names.

    Nobody is asked for a key that the agent holds, nor where there is no terminal.
    """
    files = {one.private_key_file for one in connections if one.passphrase is None}
    asked = {file: said for file in files if file and (said := _ask(Path(file))) is not None}
    return tuple(
        replace(one, passphrase=asked[one.private_key_file])
        if one.passphrase is None and one.private_key_file in asked
        else one
        for one in connections
    )


def _ask(path: Path) -> str | None:
    try:
        load_key(path)
    except EncryptedKey:
        if is_in_agent(path) or not sys.stdin.isatty():
            return None
        return getpass.getpass(f"passphrase of {path}: ")
    except UnusableKey:
        return None  # the login says what is wrong with it
    return None
