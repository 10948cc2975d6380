"""Writing known_hosts: one line for each key, added behind what is there."""

import base64
import fcntl
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from deployer.errors import DeployerError
from deployer.transport.known_hosts import HostKey
from deployer.transport.route import SSH_PORT, Route

_SALT = 20


def recorded_name(route: Route) -> str:
    """Name a host as known_hosts does: an alias as it is, a port of its own with the address."""
    if route.recorded_port == SSH_PORT:
        return route.known_as
    return f"[{route.known_as}]:{route.port}"


def remember(file: Path, keys: Iterable[tuple[Route, HostKey]]) -> str:
    """
    Add keys to a known_hosts file, which is made if it is not there; return the lines.

    The lines are one write under a lock, so that several runs at once do not mix them, and a
    line that somebody left without its end is ended first.
    """
    lines = [_line(route, key) for route, key in keys]
    path = file.expanduser()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            size = opened.seek(0, os.SEEK_END)
            unended = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            opened.write((("\n" if unended else "") + "".join(lines)).encode())
            opened.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise DeployerError(
            f"cannot write {file}: {error.strerror}", hint=f"ls -la {file.parent}"
        ) from error
    return "".join(lines)


def _line(route: Route, key: HostKey) -> str:
    name = recorded_name(route).lower()
    if route.hashed_names:
        salt = secrets.token_bytes(_SALT)
        digest = hmac.digest(salt, name.encode(), "sha1")
        name = f"|1|{_base64(salt)}|{_base64(digest)}"
    return f"{name} {key.algorithm} {_base64(key.blob)}\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
