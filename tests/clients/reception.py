"""A site that lets in whoever was certified, and what alice was handed over to call it with."""

import os
import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from deployer.workflows.handover import file_name
from tests.journey.workbench import Workbench

GREETING = "Behind mutual TLS"
"""What the site says to those whom it lets in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody with the files of a hand-over and a terminal in their directory."""

    directory: Path
    name: str
    password: str
    url: str

    def file(self, suffix: str) -> Path:
        return self.directory / f"{file_name(self.name)}.{suffix}"

    def lines(self, program: str) -> str:
        """The lines of the sheet for a program, as somebody would copy them."""
        sheet = self.file("txt").read_text(encoding="utf-8")
        found = re.search(
            rf"^{re.escape(program)}[^\n]*\n\n((?:    [^\n]*\n|\n)+)", sheet, re.MULTILINE
        )
        assert found, f"the sheet has nothing for {program}:\n{sheet}"
        return textwrap.dedent(found[1])

    def run(self, *argv: str, stdin: str = "", **variables: str) -> str:
        """Run a program in the directory of the files; it must succeed. Returns what it says."""
        ended = subprocess.run(
            argv,
            cwd=self.directory,
            env={**os.environ, "P12_PASSWORD": self.password, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ended.returncode == 0, f"{argv}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout + ended.stderr


def visitor(desk: Workbench, name: str, *options: str) -> Visitor:
    """Hand an identity over, by the command that people type."""
    issued = desk.deployer(
        "client", "issue", name, "--p12", "--passphrase-file", "passphrase", *options
    )
    password = re.search(r"shown once: (\S+)", issued.stderr)
    assert password, issued.stderr
    assert password[1] not in issued.stdout
    return Visitor(
        directory=desk.directory / file_name(name),
        name=name,
        password=password[1],
        url=f"https://localhost:{desk.port}/",
    )
