"""The product's own sandbox as a test host."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.layouts import Layout
from deployer.sandbox import Sandbox
from deployer.sandbox.processes import MARK
from deployer.transport import Completed
from tests.hosts.host import as_bytes, checked, write_command


@dataclass(frozen=True, slots=True)
class SandboxHost:
    """A sandbox, seen as a host among others."""

    sandbox: Sandbox
    name: str = "sandbox"

    @property
    def address(self) -> str:
        return self.sandbox.address

    @property
    def ssh_port(self) -> int:
        return self.sandbox.ssh_port

    @property
    def user(self) -> str:
        return self.sandbox.user

    @property
    def private_key_file(self) -> Path:
        return self.sandbox.private_key_file

    @property
    def known_hosts(self) -> Path:
        return self.sandbox.known_hosts

    @property
    def layout(self) -> Layout:
        return self.sandbox.layout

    @property
    def http_port(self) -> int:
        return self.sandbox.http_port

    @property
    def https_port(self) -> int:
        return self.sandbox.https_port

    @property
    def site_url(self) -> str:
        return f"http://{self.address}:{self.http_port}/"

    @property
    def document_root(self) -> str:
        return str(self.sandbox.document_root)

    @property
    def root(self) -> Path:
        return Path("/")

    def exec(
        self, argv: Sequence[str], *, stdin: bytes = b"", check: bool = True, timeout: float = 60
    ) -> Completed:
        ended = subprocess.run(
            argv,
            # What a command leaves running ends with the sandbox.
            env={**os.environ, MARK: str(self.sandbox.directory)},
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        completed = Completed(status=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)
        return checked(completed, argv) if check else completed

    def read(self, path: str) -> bytes:
        return self.exec(["cat", path]).stdout

    def write(self, path: str, content: str | bytes, *, mode: int = 0o644) -> None:
        self.exec(write_command(path, mode), stdin=as_bytes(content))

    def kill(self) -> None:
        self.sandbox.close()
