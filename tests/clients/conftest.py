"""One site for all tests of its clients, on this computer's own name: every program finds it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox import Sandbox
from tests.clients.reception import Visitor, visitor
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import Workbench


@pytest.fixture(scope="package")
def site() -> Iterator[Workbench]:
    """The desk of an operator whose one site asks everybody for a certificate."""
    with tempfile.TemporaryDirectory(prefix="deployer-") as name:
        Path(name).chmod(0o711)  # as root, Apache's workers must pass through
        with Sandbox.start(Path(name) / "sandbox") as sandbox:
            desk = Workbench(Path(name) / "project", SandboxHost(sandbox))
            desk.vhosts = [desk.site(server_name="localhost")]
            desk.write_inventory()
            passphrase = ("--passphrase-file", "passphrase")
            desk.deployer("ca", "init", "--name", "Example", *passphrase)
            desk.apply()
            yield desk


@pytest.fixture(scope="package")
def alice(site: Workbench) -> Visitor:
    return visitor(site, "alice", "--email", "alice@example.com")
