"""Many connections are many open files, of which a shell allows a thousand."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from deployer.fleet.stopping import StopSign

LIMITS = """
import resource
from deployer.fleet.descriptors import make_room
for hosts in (1, {hosts}):
    make_room(hosts)
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("hard", "hosts", "then"),
    [(20_000, 3000, 9256), (1500, 3000, 1500), (20_000, 100, 1024)],
    ids=["as many as it takes", "as many as there may be", "no more than it takes"],
)
def test_the_limit_is_raised_for_as_many_hosts_as_there_are(
    hard: int, hosts: int, then: int
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIMITS.format(hosts=hosts)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard)),
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.split() == ["1024", str(then)]


@pytest.fixture
def a_thousand_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    with ExitStack() as opened:
        for _ in range(1100):
            opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("a_thousand_files")
def test_a_run_soaks_with_a_thousand_connections() -> None:
    with StopSign() as sign:
        began = time.monotonic()
        sign.wait(0.1)
        assert time.monotonic() - began >= 0.1

        sign.put_up()
        sign.wait(100 * 86400)
        assert time.monotonic() - began < 30
