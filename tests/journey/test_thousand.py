"""A thousand names: some dead, some hanging, and the run ends in time, in memory and in budget."""

import json
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.launch import by_way_of_this, figures
from tests.hosts.crowd import Machine, machines
from tests.hosts.fleet import Fleet
from tests.journey.workbench import SITE, command, found_ca

MEGABYTES = 200
"""About 82 are the program, and 115 KiB a host, of which its connection has 55."""
FORKS = 50
# What each phase of a host may take at most: connecting and the banner of those that hang, and
# the steps of the others, with as many of them at once as there are forks.
A_BATCH = 60


class Ended(NamedTuple):
    outcomes: Counter[str]
    status: int
    seconds: float
    megabytes: float


@pytest.fixture
def silence() -> Iterator[int]:
    """A port on which everybody is accepted, and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]


def write(
    directory: Path, living: Sequence[Machine], dead: int, hanging: int, silence: int
) -> None:
    known = living[0].host.known_hosts.read_text().splitlines()
    keys = dict(line.split(maxsplit=1) for line in known)
    hosts: dict[str, dict[str, object]] = {
        f"web{number:04d}": {
            "ansible_host": machine.host.address,
            "ansible_port": machine.ssh_port,
            "https": machine.https_port,
        }
        for number, machine in enumerate(living)
    }
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()[1]
    nowhere = {"ansible_host": "127.0.0.1", "https": 443}
    hosts |= {f"dead{number}": {**nowhere, "ansible_port": refusing} for number in range(dead)}
    hosts |= {f"hangs{number}": {**nowhere, "ansible_port": silence} for number in range(hanging)}
    site = {
        "server_name": SITE,
        "listen": "{{ https }}",
        "document_root": "/var/www/html",
        "client_auth": {"verify": "require"},
    }
    common = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(living[0].host.private_key_file),
        "mtls_layout": "debian",
        "apache_vhosts": [site],
    }
    (directory / "hosts.yml").write_text(json.dumps({"web": {"hosts": hosts, "vars": common}}))
    (directory / "known_hosts").write_text(
        "".join(f"[{one.host.address}]:{one.ssh_port} {keys[one.host.address]}\n" for one in living)
    )
    (directory / "deployer.toml").write_text(
        f'inventory = ["hosts.yml"]\nknown_hosts = ["known_hosts"]\nforks = {FORKS}\n'
    )


def applied(directory: Path, *options: str) -> Ended:
    argv = command("apply", "--yes", "--passphrase-file", "passphrase", "--json", *options)
    noted = str(directory / "figures")
    with (directory / "said").open("w+") as said:
        ended = subprocess.run(
            by_way_of_this(noted, argv),
            cwd=directory,
            stdout=said,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        said.seek(0)
        events = [json.loads(line) for line in said]
    seconds, _, megabytes = figures(noted)
    outcomes = {one["host"]: one["outcome"] for one in events if one["event"] == "host"}
    return Ended(Counter(outcomes.values()), ended.returncode, seconds, megabytes)


@pytest.mark.slow
@pytest.mark.timeout(5400)
@pytest.mark.fault(69)
@pytest.mark.parametrize(("hosts", "each"), [(4, 5), (100, 10)], ids=["20", "1000"])
def test_a_run_over_many_names_ends_in_time_in_memory_and_in_budget(
    fleet: Fleet, tmp_path: Path, silence: int, hosts: int, each: int
) -> None:
    total = hosts * each
    dead, hanging = max(1, 3 * total // 100), max(1, total // 100)
    lost, living = dead + hanging, total - dead - hanging
    found_ca(tmp_path)
    started = fleet.hosts(hosts, apache="stopped")
    try:
        crowd = machines(started, each)[:living]
        write(tmp_path, crowd, dead, hanging, silence)

        # One host less in the budget than have failed already: not one is begun.
        refused = applied(tmp_path, "--max-fail", str(lost - 1), "--serial", "10%")
        assert refused.outcomes == {"unreachable": lost, "skipped": living}

        done = applied(tmp_path, "--max-fail", str(lost), "--serial", "10%")
    finally:
        for host in started:
            host.kill()
    assert done.outcomes == {"unreachable": lost, "changed": living}, done
    assert done.status == 4
    batches = 10 + 2  # and before them all are looked at, and every release is brought
    assert done.seconds < batches * A_BATCH * max(1, total / 10 / FORKS), done
    assert max(done.megabytes, refused.megabytes) < MEGABYTES, (refused, done)
