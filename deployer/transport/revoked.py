"""RevokedHostKeys of ssh_config(5): a file of keys that no host may have."""

import base64
import binascii

from deployer.errors import Unreachable
from deployer.transport.route import Route

_KRL = b"SSHKRL\n\0"


def revoked_keys(route: Route) -> frozenset[bytes]:
    """
    Read the keys, in the form of RFC 4253 §6.6; none where no file is named.

    Raises `Unreachable` where the file cannot be read: without it no host can be trusted.
    """
    path = route.revoked_host_keys
    if path is None:
        return frozenset()
    try:
        data = path.read_bytes()
    except OSError as error:
        cause = f"RevokedHostKeys {path}: {error.strerror}"
        raise Unreachable(route.name, "host key", cause, hint=f"ls -la {path}") from error
    if data.startswith(_KRL):
        cause = f"RevokedHostKeys {path} is a KRL, which only the program ssh reads"
        raise Unreachable(route.name, "host key", cause, hint="--transport openssh uses it")
    keys = set()
    for line in data.splitlines():
        words = line.split()
        if len(words) > 1 and not line.startswith(b"#"):
            try:
                keys.add(base64.b64decode(words[1], validate=True))
            except binascii.Error as error:
                cause = f"RevokedHostKeys {path} holds a line that is no key"
                raise Unreachable(route.name, "host key", cause) from error
    return frozenset(keys)
