"""
How long a large inventory takes to load and to list, and in how much memory.

`python -m benchmarks.inventory` prints seconds of CPU and megabytes for 10,000 and 50,000 hosts in
200 groups with `group_vars`; beside `ansible-inventory`, in the same run, where it is installed.
"""
# ruff: noqa: INP001 (run by name, imported by a test)

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.launch import by_way_of_this, figures

GROUPS = 200
# Hosts, and how many seconds of CPU they may take.
PROMISED = ((10_000, 1.0), (50_000, 5.0))
MEGABYTES = 300


class Measured(NamedTuple):
    """What one process took."""

    seconds: float
    megabytes: float


def write(directory: Path, hosts: int) -> None:
    """Write an inventory in INI, and the variables of its groups."""
    sections = (
        f"[group{group:03d}]\n"
        + "".join(
            f"host{number:06d}.example.com ansible_host=10.{number >> 16}.{number >> 8 & 255}."
            f"{number & 255} number={number}\n"
            for number in range(group, hosts, GROUPS)
        )
        for group in range(GROUPS)
    )
    (directory / "hosts.ini").write_text("".join(sections))
    (directory / "group_vars").mkdir()
    for group in range(GROUPS):
        text = f"group: {group}\nports: [80, 443]\nnested: {{a: b}}\n"
        (directory / "group_vars" / f"group{group:03d}.yml").write_text(text)


def took(directory: Path, *command: str) -> Measured:
    """Run a command to its end; in a process of its own, so that its memory is its own."""
    with tempfile.NamedTemporaryFile() as noted:
        subprocess.run(
            by_way_of_this(noted.name, command), cwd=directory, capture_output=True, check=True
        )
        _, cpu, megabytes = figures(noted.name)
    return Measured(cpu, megabytes)


def measure(hosts: int) -> tuple[Measured, Measured | None]:
    """Measure us, and Ansible if it is there."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write(directory, hosts)
        listing = ("inventory", "list", "-i", "hosts.ini", "--state", "none")
        ours = took(directory, sys.executable, "-m", "deployer", *listing)
        theirs = None
        if program := shutil.which("ansible-inventory"):
            theirs = took(directory, program, "-i", "hosts.ini", "--list")
    return ours, theirs


def main() -> int:
    """Print every figure; 1 if a promise is broken."""
    broken = False
    for hosts, seconds in PROMISED:
        ours, theirs = measure(hosts)
        kept = ours.seconds <= seconds and ours.megabytes <= MEGABYTES
        broken |= not kept
        beside = (
            f"; ansible-inventory {theirs.seconds:.1f} s, {theirs.megabytes:.0f} MB"
            if theirs
            else "; ansible-inventory is not installed"
        )
        sys.stdout.write(
            f"{hosts} hosts in {GROUPS} groups: {ours.seconds:.2f} s of CPU (at most {seconds:g}), "
            f"{ours.megabytes:.0f} MB (at most {MEGABYTES}){beside}: "
            f"{'ok' if kept else 'BROKEN'}\n"
        )
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
