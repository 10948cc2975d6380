"""What programs that we start may know of our environment."""

import os

_SECRETS = ("DEPLOYER_CA_PASSPHRASE",)


def environment() -> dict[str, str]:
    """Return all of it but our secrets: programs named in ssh_config expect the user's own."""
    return {name: value for name, value in os.environ.items() if name not in _SECRETS}
