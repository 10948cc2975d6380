"""The series of measurements: sizes, a distance, and what one host costs in round trips."""
# ruff: noqa: INP001 (a directory of a program)

import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fleet import floor
from benchmarks.fleet.apache import own_time
from benchmarks.fleet.contenders import JOBS, Contender, Deployer
from benchmarks.fleet.floor import Floor
from benchmarks.fleet.lab import Lab, far, started
from benchmarks.fleet.timing import Failed, Measured

RTT = 0.04
_LONG = 0.2
ENOUGH = 120
"""A job that has taken so many seconds in all is not measured once more."""
Say = Callable[[str], None]


def machine() -> dict[str, Any]:
    """Describe where this is measured."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    return {
        "at": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": os.cpu_count(),
        "processor": model[1] if model else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssh": ssh.split(",", maxsplit=1)[0].strip(),
        "busy": round(os.getloadavg()[0], 1),
    }


def near(count: int, *, runs: int, beside: Sequence[Contender], say: Say) -> dict[str, Any]:
    """Measure everything with so many hosts, as near as can be."""
    say(f"starting {count} hosts")
    with started(count) as lab:
        found = _all(lab, runs=runs, beside=beside, say=say)
        say(f"{count} hosts: OpenSSH's default exchange, and standing connections")
        found["default"] = _several(Floor(lab, floor.DEFAULT).measure, runs)
        with floor.standing(lab) as fan:
            found["standing"] = _several(fan.measure, runs)
        say(f"{count} hosts: Apache's own time")
        lab.reset()
        ours = Deployer()
        ours.settle(lab)
        found["own"] = {
            verb: {"together": own.together, "one": own.one}
            for verb, own in own_time(lab, ours.directory).items()
        }
    return found


def far_away(count: int, *, runs: int, beside: Sequence[Contender], say: Say) -> dict[str, Any]:
    """Measure the same at a distance."""
    say(f"starting {count} hosts, {RTT * 1000:.0f} ms away")
    with started(count) as lab, far(lab, RTT, "far") as distant:
        return {"rtt": RTT, **_all(distant, runs=runs, beside=beside, say=say)}


def round_trips(beside: Sequence[Contender], *, runs: int, say: Say) -> dict[str, Any]:
    """
    Count sequential round trips: what a distance adds to a run over one host, divided by it.

    What is left of one host is also what a run costs before it speaks to any.
    """
    found: dict[str, Any] = {}
    say("round trips of one host")
    with started(1) as hosts, far(hosts, 0, "there") as here, far(hosts, _LONG, "far") as there:
        trips: dict[str, dict[str, float]] = {}
        near_by, far_off = Floor(here), Floor(there)
        trips["ssh host true"] = {
            "no-op apply": _trips(_several(near_by.measure, runs), _several(far_off.measure, runs))
        }
        for one in (Deployer(), *beside):
            try:
                short, long = (_each(one, lab, runs) for lab in (here, there))
            except Failed as error:
                say(f"round trips of {one.name}: {error}")
                continue
            if isinstance(one, Deployer):
                found["jobs"] = short
            trips[one.name] = {job: _trips(short[job], long[job]) for job in short}
        found["trips"] = trips
    return found


def _each(one: Contender, lab: Lab, runs: int) -> dict[str, dict[str, float]]:
    """Have one contender do all its jobs over a fresh laboratory."""
    one.settle(lab)
    lab.reset()
    return {
        job: _several(partial(one.do, job), 1 if job == "first apply" else runs)
        for job in JOBS
        if job in one.jobs()
    }


def _trips(near_by: dict[str, float], far_off: dict[str, float]) -> float:
    return round((far_off["seconds"] - near_by["seconds"]) / _LONG, 1)


def _all(lab: Lab, *, runs: int, beside: Sequence[Contender], say: Say) -> dict[str, Any]:
    count = len(lab.ways)
    fan = Floor(lab)
    fan.measure()  # the first finds cold caches
    floors: list[Measured] = []
    contenders: dict[str, Any] = {}
    for one in (Deployer(), *beside):
        jobs: dict[str, Any] = {}
        for job in JOBS:
            if job not in one.jobs():
                continue
            try:
                jobs[job] = _beside(one, job, lab, fan, floors, runs)
            except Failed as error:
                say(f"{count} hosts: {one.name}: {job}: {error}")
                break
            say(f"{count} hosts: {one.name}: {job}: {jobs[job]['seconds']:.1f} s")
        contenders[one.name] = jobs
    return {"hosts": count, "floor": _median(floors), "contenders": contenders}


def _beside(  # noqa: PLR0917 - all of them are what is measured
    one: Contender, job: str, lab: Lab, fan: Floor, floors: list[Measured], runs: int
) -> dict[str, float]:
    """Take turns with the floor, so that both meet the same machine."""
    samples: list[Measured] = []
    ratios: list[float] = []
    while len(samples) < runs and sum(taken.seconds for taken in samples) < ENOUGH:
        if job == "first apply":
            lab.reset()
            one.settle(lab)
        least = fan.measure()
        taken = one.do(job)
        floors.append(least)
        samples.append(taken)
        ratios.append(taken.seconds / least.seconds)
    return {**_median(samples), "ratio": statistics.median(ratios), "runs": len(samples)}


def _several(measure: Callable[[], Measured], runs: int) -> dict[str, float]:
    return _median([measure() for _ in range(runs)])


def _median(samples: Sequence[Measured]) -> dict[str, float]:
    return {
        name: statistics.median(getattr(taken, name) for taken in samples)
        for name in Measured._fields
    }
