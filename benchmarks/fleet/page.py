"""
`docs/performance.md`, from what was measured: `python -m benchmarks.fleet.page FILE` writes it.

FILE is what `python -m benchmarks.fleet --json FILE` wrote.
"""
# ruff: noqa: INP001 (a directory of a program)

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.fleet.contenders import JOBS
from benchmarks.fleet.table import allowance, marginal

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
_HEAD = """\
# What a run costs

`make bench-fleet BENCH_ARGS="--json figures.json"` measures it on your machine; `python -m
benchmarks.fleet.page figures.json` writes this page. The figures below are medians, and **each
ratio is against `ssh host true` by OpenSSH, to the same hosts, 50 at once, in turns with what it
is compared to**: the floor. Seconds depend on the machine, and the ratios hardly do.

The floor is taken with the key exchange that we negotiate with these hosts, curve25519, for the
exchange is most of what a login costs. Where both sides have a post-quantum hybrid
(mlkem768x25519) that is what is used.
"""
_HOW = """
## How it is measured

Hosts are Debian in namespaces of this machine, each with a real sshd and a real Apache, so the
cores serve the controller and all hosts. The job is the same for all: for each host a P-256 key
and a certificate of a CA on the controller, the key with mode 0600, whom to let in, a virtual
host with `SSLVerifyClient require`, mod_ssl, configtest, and a graceful reload if anything
changed. deployer also rehearses each release, and probes each site before it confirms; its CPU
contains its start and the opening of the CA's key.

CPU is that of the controller alone: user and system time of every process that it started, ssh
and ControlPersist masters too. Memory is of its largest process. Apache's own time is that of the
same run without SSH: all hosts wait before a rehearsal, or an activation, until the last has come
to it. A distance is a relay that holds back every byte for half a round trip. Round trips are
what a distance of 200 ms adds to a run over one host, divided by it.
"""


def page(found: Mapping[str, Any]) -> str:
    """Write the page."""
    return "\n".join([_HEAD, *_lines(found), _HOW])


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Measured on {found['at']}: {found['cores']} cores of {found['processor']}, Linux "
        f"{found['kernel']}, {found['openssh']}, Python {found['python']}.\n"
    )
    for size in found["sizes"]:
        yield f"## {size['hosts']} hosts\n"
        yield from _size(size)
        own = size["own"]
        yield (
            f"By OpenSSH's default exchange the floor is {size['default']['seconds']:.2f} s, over "
            f"connections that stand already {size['standing']['seconds']:.2f} s. The hosts' own "
            f"time, all at once: {own['rehearse']['together']:.2f} s to rehearse, "
            f"{own['activate']['together']:.2f} s to switch and reload; the floor and twice that "
            f"is {allowance(size):.2f} s.\n"
        )
    if "far" in found:
        far = found["far"]
        yield f"## {far['hosts']} hosts, {1000 * far['rtt']:.0f} ms away\n"
        yield from _size(far)
    if "one" in found:
        yield "## Round trips and CPU of one host\n"
        yield "One after the other, with those of TCP and SSH:\n"
        yield f"| | {' | '.join(JOBS)} |"
        yield f"|---|{'---:|' * len(JOBS)}"
        for name, trips in found["one"]["trips"].items():
            cells = (f"{trips[job]:.0f}" if job in trips else "" for job in JOBS)
            yield f"| {name} | {' | '.join(cells)} |"
        each = ", ".join(f"{job} {spent:.0f} ms" for job, spent in marginal(found).items())
        yield f"\nController CPU of each host more: {each}.\n"


def _size(size: Mapping[str, Any]) -> Iterator[str]:
    floor, hosts = size["floor"], size["hosts"]
    yield (
        f"The floor is {floor['seconds']:.2f} s, with {1000 * floor['cpu'] / hosts:.0f} ms of "
        "controller CPU a host.\n"
    )
    yield "| | | seconds | floors | CPU, ms a host | MB |"
    yield "|---|---|---:|---:|---:|---:|"
    for name, jobs in size["contenders"].items():
        for job, took in jobs.items():
            yield (
                f"| {name} | {job} | {took['seconds']:.2f} | {took['ratio']:.2f} | "
                f"{1000 * took['cpu'] / hosts:.0f} | {took['megabytes']:.0f} |"
            )
    yield ""


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(json.loads(Path(sys.argv[1]).read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
