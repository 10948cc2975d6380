"""Promises of speed, held as ratios: a busy machine slows both sides."""

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks import inventory, render
from benchmarks.fleet.page import page
from benchmarks.fleet.relay import distance
from benchmarks.fleet.timing import Failed, took
from tests.hosts.network import unavailable


@pytest.mark.slow
def test_files_of_hosts_are_made_nearly_as_fast_as_plain_jinja_makes_them() -> None:
    # `make bench` holds 2; this leaves room for a machine that does other things as well.
    assert render.measure(hosts=20, rounds=5).ratio <= 3


@pytest.mark.slow
def test_ten_thousand_hosts_are_listed_in_about_a_second() -> None:
    ours, _ = inventory.measure(10_000)

    assert ours.seconds <= 2
    assert ours.megabytes <= inventory.MEGABYTES


def test_memory_is_that_of_the_command_and_not_of_whoever_measures(tmp_path: Path) -> None:
    ballast = bytes(1) * (100 << 20)

    assert 1 < took(["true"], cwd=tmp_path, timeout=30).megabytes < 40
    assert took(["sh", "-c", "exit 3"], cwd=tmp_path, timeout=30, statuses=[3]).cpu >= 0
    with pytest.raises(Failed, match="ended with 3"):
        took(["sh", "-c", "exit 3"], cwd=tmp_path, timeout=30)
    assert ballast


def test_a_distance_is_what_it_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(100):
                    connection.sendall(data)

        worker = threading.Thread(target=answer)
        worker.start()
        here = f"127.0.0.1:{listener.getsockname()[1]}"
        with (
            distance(0.1, [here]) as (port,),
            socket.create_connection(("127.0.0.1", port)) as far,
        ):
            taken = []
            for _ in range(6):
                begun = time.monotonic()
                far.sendall(b"ping")
                assert far.recv(100) == b"ping"
                taken.append(time.monotonic() - begun)
        # TCP's own handshake is part of the first; a busy machine is late now and then.
        assert taken[0] >= 0.2
        assert 0.1 <= min(taken) < 0.15
        worker.join()


@pytest.mark.slow
@pytest.mark.fleet
def test_runs_over_hosts_are_measured_and_written_down(tmp_path: Path) -> None:
    if reason := unavailable():
        pytest.skip(reason)
    file = tmp_path / "figures.json"
    argv = [sys.executable, "-m", "benchmarks.fleet", "--hosts", "2", "--runs", "1", "--quick"]

    said = subprocess.run(
        [*argv, "--json", str(file)], capture_output=True, text=True, check=True
    ).stdout

    found = json.loads(file.read_text())
    (size,) = found["sizes"]
    ours = size["contenders"]["deployer"]
    assert set(ours) == {"first apply", "no-op apply", "rotate", "plan", "status"}
    assert all(took["seconds"] > 0 and took["ratio"] > 0 for took in ours.values())
    assert "no-op apply" in said
    assert "| deployer | no-op apply |" in page(found)
