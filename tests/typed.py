"""Sessions of a terminal as our documents show them: what is typed, and what comes back."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

Session = list[tuple[str, list[str]]]


def sessions(document: Path) -> Session:
    """The commands of every `console` block with a prompt, each with the output shown for it."""
    found: Session = []
    for block in re.findall(r"```console\n(\$ .*?)```", document.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def shape(line: str) -> str:
    """What is left of a line without what changes from run to run, and the space between."""
    line = re.sub(r"(?<=[0-9A-F]{2}:)[0-9A-F:…]+$", "…", line)
    line = re.sub(r"([0-9A-F]{2}:)+…", "…", line)
    line = re.sub(r"\b[0-9a-f]{12,64}\b", "ID", line)
    line = re.sub(r"\d+\.\d\d s|\d{4}-\d\d-\d\d", "T", line)
    line = re.sub(r"SSL_read: .*(?=tlsv)", "", line)
    return re.sub(r"error:\w+:[^:]*:", "", " ".join(line.split()))


def type_in(
    commands: Iterable[tuple[str, list[str]]], directory: Path, environment: Mapping[str, str]
) -> Path:
    """Type commands like one shell, expect what is shown among what comes; return where it ends."""
    whereabouts = directory / ".pwd"
    for command, shown in commands:
        ended = subprocess.run(
            # Like one shell: where a command leads, the next one begins.
            ["bash", "-c", f"{command}\ns=$?; pwd >{whereabouts}; exit $s"],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        refused = any(line.startswith("curl: (") for line in shown)
        assert (ended.returncode == 0) is not refused, f"{command}\n{ended.stdout}{ended.stderr}"
        said = (ended.stdout + ended.stderr).splitlines()
        for line in shown:
            assert shape(line) in map(shape, said), f"{command}: {line!r} is not in {said}"
        directory = Path(whereabouts.read_text().strip())
    return directory
