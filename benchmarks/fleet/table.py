"""The figures as a table that people read."""
# ruff: noqa: INP001 (a directory of a program)

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.fleet.contenders import JOBS


def text(found: Mapping[str, Any]) -> str:
    """Write everything that was measured."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{found['cores']} cores of {found['processor']}, for the controller and all hosts; "
        f"{found['openssh']}, Python {found['python']}"
    )
    for size in found["sizes"]:
        yield from _size(size, "")
        yield (
            f"  OpenSSH by default {size['default']['seconds']:.2f} s, "
            f"over standing connections {size['standing']['seconds']:.2f} s"
        )
        own = size["own"]
        parts = ", ".join(
            f"{verb} {one['together']:.2f} s together ({1000 * one['one']:.0f} ms a host)"
            for verb, one in own.items()
        )
        yield f"  on the hosts themselves: {parts}"
        allowed = allowance(size)
        for job in ("first apply", "rotate"):
            took = size["contenders"]["deployer"].get(job)
            if took:
                yield (
                    f"  {job}: {took['seconds']:.2f} s; the floor and twice that is {allowed:.2f} s"
                )
    if "far" in found:
        yield from _size(found["far"], f", {1000 * found['far']['rtt']:.0f} ms away")
    if "one" in found:
        yield "\nSequential round trips, with TCP and SSH:"
        for name, trips in found["one"]["trips"].items():
            said = ", ".join(f"{job} {count:g}" for job, count in trips.items())
            yield f"  {name}: {said if name != 'ssh host true' else trips['no-op apply']}"
        yield "\nController CPU of one host more, from one host to the most:"
        for job, milliseconds in marginal(found).items():
            yield f"  {job}: {milliseconds:.1f} ms"


def allowance(size: Mapping[str, Any]) -> float:
    """Say what a change may take: the floor, and twice what the hosts need for themselves."""
    own = sum(one["together"] for one in size["own"].values())
    return float(size["floor"]["seconds"] + 2 * own)


def marginal(found: Mapping[str, Any]) -> dict[str, float]:
    """Take apart what a run costs by itself and what each host adds, in milliseconds of CPU."""
    most = max(found["sizes"], key=lambda size: size["hosts"])
    ours, few = most["contenders"]["deployer"], found["one"]["jobs"]
    more = most["hosts"] - 1
    return {
        job: 1000 * (ours[job]["cpu"] - few[job]["cpu"]) / more
        for job in JOBS
        if more and job in ours and job in few
    }


def _size(size: Mapping[str, Any], where: str) -> Iterator[str]:
    floor, hosts = size["floor"], size["hosts"]
    yield (
        f"\n{hosts} hosts{where}; the floor is {floor['seconds']:.2f} s, "
        f"{1000 * floor['cpu'] / hosts:.0f} ms of CPU a host"
    )
    head = f"  {'':22}{'':14}{'seconds':>9}{'floors':>8}{'CPU ms a host':>15}{'MB':>6}"
    yield head
    for name, jobs in size["contenders"].items():
        for job, took in jobs.items():
            yield (
                f"  {name:22}{job:14}{took['seconds']:9.2f}{took['ratio']:8.2f}"
                f"{1000 * took['cpu'] / hosts:15.1f}{took['megabytes']:6.0f}"
            )
