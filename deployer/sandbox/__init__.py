"""
A whole host in one directory: a real sshd and a real Apache, run by whoever asks.

What `deployer demo` shows itself on, and what the tests run against without root. Nothing
outside the directory is touched, and the Apache in it already serves a site that is not ours.
"""

import os
import re
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from deployer.errors import DeployerError
from deployer.layouts import Layout
from deployer.sandbox import httpd, ports, processes, sshd

SIGN = ".deployer-sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A running host, reached over SSH on the loopback address."""

    directory: Path
    address: str = ports.LOOPBACK
    ssh_port: int
    user: str
    private_key_file: Path
    known_hosts: Path
    layout: Layout
    http_port: int
    https_port: int
    document_root: Path
    """A page for new virtual hosts to serve; the existing site has its own."""
    running: ExitStack = field(repr=False)

    @classmethod
    def start(cls, directory: Path) -> Self:
        """
        Start a host in a directory that is empty or held a sandbox before.

        What an earlier sandbox left there is stopped and removed, so each one starts clean.
        """
        directory = directory.resolve()
        _prepare(directory)
        documents = directory / "www"
        for name, text in PAGES.items():
            _publish(documents / name / "index.html", text)
        with ExitStack() as running:
            held = [running.enter_context(ports.reserve()) for _ in range(3)]
            ssh_port, http_port, https_port = map(ports.number, held)
            layout = httpd.describe(directory, http_port=http_port, https_port=https_port)
            running.callback(_stop, directory)
            httpd.start(directory, layout, documents)
            server = sshd.start(directory, ssh_port)
            # Unwound in reverse: what was detached is stopped before sshd is waited for.
            running.callback(server.process.wait)
            running.callback(server.process.kill)
            running.callback(_stop, directory)
            return cls(
                directory=directory,
                ssh_port=ssh_port,
                user=server.user,
                private_key_file=server.private_key_file,
                known_hosts=server.known_hosts,
                layout=layout,
                http_port=http_port,
                https_port=https_port,
                document_root=documents / "new",
                running=running.pop_all(),
            )

    def close(self) -> None:
        """Stop everything that runs in the sandbox, detached or not. Safe to call twice."""
        self.running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


PAGES = {
    "existing": "<h1>The site that was here before</h1>\n",
    "new": "<h1>Behind mutual TLS</h1>\n",
}


def _prepare(directory: Path) -> None:
    """Make the directory an empty sandbox, refusing one that holds anything else."""
    # Both servers' configurations have their own ideas about spaces, quotes, % and $.
    if not re.fullmatch(r"[\w./+-]+", str(directory), re.ASCII):
        raise DeployerError(
            f"{directory} cannot hold a sandbox: its path has unusual characters",
            hint="use a directory below /tmp",
        )
    directory.mkdir(parents=True, exist_ok=True)
    found = list(directory.iterdir())
    if found and directory / SIGN not in found:
        raise DeployerError(
            f"{directory} is not empty and is not a sandbox",
            hint="use a new directory: a sandbox removes what it finds",
        )
    _stop(directory)
    for entry in found:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != SIGN:
            entry.unlink()
    (directory / SIGN).touch()
    if os.geteuid() == 0:
        _let_in(directory)


def _stop(directory: Path) -> None:
    processes.stop_all(directory, roots=sshd.listener(directory))


def _let_in(directory: Path) -> None:
    """Let Apache's workers, who are not root, pass through the directory."""
    directory.chmod(directory.stat().st_mode | 0o111)
    for parent in directory.parents:
        if not parent.stat().st_mode & 0o001:
            raise DeployerError(
                f"Apache's workers cannot pass through {parent}",
                hint="use a directory below /tmp, or run as a plain user",
            )


def _publish(page: Path, text: str) -> None:
    page.parent.mkdir(parents=True)
    page.write_text(text)
    page.chmod(0o644)
    for parent in (page.parent, page.parent.parent):
        parent.chmod(0o755)
