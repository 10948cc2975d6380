"""
What runs over many hosts cost, against `ssh host true` by OpenSSH in the same run.

`python -m benchmarks.fleet` measures 20, 50 and 100 hosts, and 20 at a distance of 40 ms; with
`--hosts 5 --runs 1 --quick` it takes some seconds. Peers are measured where they are installed and
`--peers` asks for them.
"""
# ruff: noqa: INP001 (a directory of a program)

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.fleet import measuring, table
from benchmarks.fleet.contenders import peers
from benchmarks.fleet.timing import adopt_orphans
from tests.hosts.network import unavailable


def main() -> int:
    """Measure, print a table, and write it down as JSON if that is wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--hosts", default="20,50,100", help="how many, one number or several")
    parser.add_argument("--runs", type=int, default=3, help="of which the median is taken")
    parser.add_argument("--peers", action="store_true", help="with ansible-core and pyinfra")
    parser.add_argument("--peers-in", type=Path, metavar="VENV", help="where they are installed")
    parser.add_argument("--peers-up-to", type=int, default=50, metavar="N", help="hosts (50)")
    parser.add_argument("--quick", action="store_true", help="neither distance nor round trips")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    if reason := unavailable():
        sys.stdout.write(f"hosts in namespaces: not measured: {reason}\n")
        return 0
    adopt_orphans()
    beside = peers(options.peers_in) if options.peers or options.peers_in else ()
    begun = time.monotonic()

    def say(words: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:6.0f} s  {words}\n")

    found = measuring.machine()
    sizes = [int(word) for word in options.hosts.split(",")]
    found["sizes"] = [
        measuring.near(
            count,
            runs=options.runs,
            beside=beside if count <= options.peers_up_to else (),
            say=say,
        )
        for count in sizes
    ]
    if not options.quick:
        found["far"] = measuring.far_away(
            min(20, max(sizes)), runs=options.runs, beside=beside, say=say
        )
        found["one"] = measuring.round_trips(beside, runs=options.runs, say=say)
    found["seconds"] = round(time.monotonic() - begun)
    sys.stdout.write(table.text(found))
    if options.json:
        write(options.json, json.dumps(found, indent=1) + "\n")
    return 0


def write(file: Path, text: str) -> None:
    """Write a file whole, or not at all: an hour's figures are not to be lost half-way."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
        new.write(text)
    Path(new.name).replace(file)
    file.chmod(0o644)


if __name__ == "__main__":
    sys.exit(main())
