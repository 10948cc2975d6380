"""A backend that thinks for longer than a probe waits is no reason to take a release back."""

import socket
import threading

import pytest

from deployer.sandbox import Sandbox
from tests.hosts.host import LabHost
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import Workbench


@pytest.fixture
def any_host(sandbox: Sandbox) -> LabHost:
    """The backend is on this computer's loopback address, which is the sandbox's too."""
    return SandboxHost(sandbox)


@pytest.mark.slow
def test_a_backend_that_never_answers_does_not_undo_a_release(desk: Workbench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as backend:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(backend.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        port = backend.getsockname()[1]
        desk.vhosts = [
            desk.site(document_root=None, proxy=[{"path": "/", "to": f"http://127.0.0.1:{port}"}])
        ]
        desk.write_inventory()

        said = desk.apply("--identity", "alice")

        assert "changed" in said.stdout
        assert held, "the certified client was let through to the backend"
        backend.shutdown(socket.SHUT_RDWR)
        for one in held:
            one.close()
