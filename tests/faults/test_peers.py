"""
Eight faults that were seen in other tools on this very job, and that none of our hosts shows.

Those tools write one file after the other to where Apache reads it, and reload when they have
changed something. Here a whole release lies beside the live one until one rename switches.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deployer.result import Step
from deployer.sandbox.processes import until
from tests.hosts.fleet import Fleet, FleetHost
from tests.hosts.prober import Prober
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.journey.test_rotate import ROTATE, certificates_of_servers, client
from tests.journey.workbench import command, deployer

ROOT = "/etc/apache2/deployer"
STATE = "/var/lib/deployer"
# Reads the pair as Apache would, and again when a switch came in between of its two reads.
WATCH = """
import glob, os, ssl, sys, time
bad = count = 0
print("watching", flush=True)
while not os.path.exists("/tmp/enough"):
    before = os.readlink("ROOT/current")
    for directory in glob.glob("ROOT/current/tls/*/"):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                directory + "fullchain.pem", directory + "key.pem"
            )
        except (ssl.SSLError, OSError) as error:
            if os.readlink("ROOT/current") == before:
                bad += 1
                print(directory, error, file=sys.stderr)
    count += 1
print(count, bad)
""".replace("ROOT", ROOT)


@pytest.fixture
def new(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    """Two hosts that have nothing of ours yet."""
    return FleetDesk(tmp_path / "project", founded, fleet.hosts(2))


@pytest.fixture
def live(new: FleetDesk) -> FleetDesk:
    new.apply()
    return new


def current(host: FleetHost) -> bytes:
    return host.exec(["readlink", f"{ROOT}/current"], check=False).stdout.strip()


def is_a_pair(host: FleetHost) -> bool:
    """Say whether the key that Apache would read next belongs to its certificate."""
    halves = (
        f"openssl x509 -noout -pubkey -in {ROOT}/current/tls/*/fullchain.pem",
        f"openssl pkey -pubout -in {ROOT}/current/tls/*/key.pem",
    )
    one, other = (host.exec(["sh", "-c", half]).stdout for half in halves)
    return one == other


def under_way(host: FleetHost) -> bytes:
    names = "-name 'pending.*' -o -name 'undoing.*' -o -name 'working.*'"
    return host.exec(["sh", "-c", f"find {STATE} {names}"], check=False).stdout


def leave_alone(desk: FleetDesk) -> None:
    """Wait until every host is done with what was begun there."""
    for host in desk.hosts.values():
        assert until(lambda host=host: not under_way(host), timeout=30)  # type: ignore[misc]


def reload_by_anybody(host: FleetHost) -> None:
    """What logrotate, or an administrator, does at any time."""
    host.exec(["apache2ctl", "graceful"])


def kill_at(desk: FleetDesk, arguments: Sequence[str], step: Step, *, ended: bool) -> None:
    """Kill a controller as soon as one of its hosts has come so far."""
    wanted = f'"step": "{step.value}", "ended": {str(ended).lower()}'
    with subprocess.Popen(
        command(*arguments, "--json", "--confirm-timeout", "3"),
        cwd=desk.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if wanted in line:
                break
        process.kill()


@contextmanager
def watched(host: FleetHost) -> Iterator[list[int]]:
    """Look at key and certificate of the live release all the time: how often, how often wrong."""
    seen: list[int] = []
    enter = ["nsenter", f"--target={host.pid}", "--mount", "--pid", "--root", "--wd", "--"]
    with subprocess.Popen(
        [*enter, "python3", "-c", WATCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        try:
            yield seen
        finally:
            host.exec(["touch", "/tmp/enough"])
            said, complaints = process.communicate(timeout=30)
        seen += map(int, said.split())
        assert seen, complaints


@pytest.mark.slow
def test_a_key_of_another_certificate_ends_no_server(live: FleetDesk) -> None:
    """Seen: the syntax test is content with such a pair, and the reload ends Apache."""
    released = {name: current(host) for name, host in live.hosts.items()}
    key = live.directory / "other.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", live.directory / "own.pem", "-days", "30",
         "-subj", "/CN=api.example.com", "-addext", "subjectAltName=DNS:api.example.com",
         "-addext", "extendedKeyUsage=serverAuth"],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    live.write(certificate={"files": {"certificate": "own.pem", "private_key": "other.key"}})

    with ExitStack() as stack:
        visitors = [stack.enter_context(Prober(client(live, name))) for name in live.hosts]
        events = live.apply(status=2)

    assert set(outcomes(events).values()) == {"failed"}
    told = [event for event in events if event["event"] == "host"]
    assert all("is not the key of" in event["summary"] for event in told)
    assert [visitor.failures for visitor in visitors] == [(), ()]
    assert {name: current(host) for name, host in live.hosts.items()} == released


def test_at_no_moment_of_a_rotation_do_key_and_certificate_differ(live: FleetDesk) -> None:
    """Seen: 0.3 to 3.6 seconds on every host in every rotation."""
    with ExitStack() as stack:
        looks = [stack.enter_context(watched(host)) for host in live.hosts.values()]
        events = live.events(*ROTATE)

    assert set(outcomes(events).values()) == {"changed"}
    for count, wrong in looks:
        assert count > 100
        assert wrong == 0


@pytest.mark.slow
@pytest.mark.parametrize("step", [Step.STAGE, Step.REHEARSE, Step.ACTIVATE, Step.PROBE])
def test_a_killed_controller_leaves_no_key_beside_another_certificate(
    live: FleetDesk, step: Step
) -> None:
    """Seen: three and six of six hosts, dead at the next reload of anybody."""
    kill_at(live, (*ROTATE, "--serial", "2"), step, ended=False)
    pairs = [is_a_pair(host) for host in live.hosts.values()]
    leave_alone(live)

    assert pairs == [True, True]
    for name, host in live.hosts.items():
        assert is_a_pair(host)
        reload_by_anybody(host)
        assert until(lambda name=name: bool(client(live, name)()), timeout=10)  # type: ignore[misc]


@pytest.mark.parametrize(
    "step", [Step.ACTIVATE, pytest.param(Step.REHEARSE, marks=pytest.mark.slow)]
)
def test_what_a_killed_controller_did_not_finish_is_not_taken_for_done(
    new: FleetDesk, step: Step
) -> None:
    """Seen: killed between files and reload, the next run changes nothing and is green."""
    kill_at(new, (*APPLY, "-f", "1"), step, ended=False)
    leave_alone(new)

    looked = deployer(new.directory, "plan", "--detailed-exitcode", status=2)
    again = new.apply()

    assert "to change" in looked.stderr
    assert set(outcomes(again).values()) == {"changed"}
    for name, host in new.hosts.items():
        served = client(new, name)()
        on_disk = host.exec(
            ["sh", "-c", f"openssl x509 -outform DER -in {ROOT}/current/tls/*/fullchain.pem"]
        ).stdout
        assert served == on_disk


@pytest.mark.slow
def test_an_invalid_site_never_takes_the_place_of_a_good_one(live: FleetDesk) -> None:
    """Seen: it is live before it is tested, and a second run finds nothing to change."""
    released = {name: current(host) for name, host in live.hosts.items()}
    live.write(extra="Bogus on")

    for _ in range(2):
        events = live.apply(status=2)
        assert set(outcomes(events).values()) == {"failed"}
        told = [event for event in events if event["event"] == "host"]
        assert all("Invalid command 'Bogus'" in event["summary"] for event in told)

    assert {name: current(host) for name, host in live.hosts.items()} == released
    for name, host in live.hosts.items():
        assert b"Bogus" not in host.exec(["sh", "-c", f"cat {ROOT}/current/sites/*"]).stdout
        host.exec(["apache2ctl", "configtest"])
        assert client(live, name)()


@pytest.mark.slow
def test_a_dead_host_is_told_of_and_gets_no_certificate(new: FleetDesk) -> None:
    """Seen: its certificate is issued anew before anybody knows, or it is not in the table."""
    new.hosts["web2"].unplug()

    said = deployer(new.directory, *APPLY, "-T", "1", status=4)

    table = [line.split()[:2] for line in said.stdout.splitlines() if line.startswith("web")]
    assert table[-2:] == [["web1", "changed"], ["web2", "unreachable"]]
    assert "web2: connect: " in said.stderr
    assert [json.loads(line)["host"] for line in certificates_of_servers(new)] == ["web1"]
    new.hosts["web2"].plug()
    assert outcomes(new.apply()) == {"web1": "unchanged", "web2": "changed"}


@pytest.mark.slow
def test_nobody_waits_for_a_dead_host(new: FleetDesk) -> None:
    """Seen: every host waits ten seconds for it."""
    new.hosts["web2"].unplug()

    with subprocess.Popen(
        command(*APPLY, "-T", "600"), cwd=new.directory, stdout=subprocess.DEVNULL
    ) as run:
        done = until(lambda: bool(current(new.hosts["web1"])), timeout=45)
        run.kill()

    assert done


def test_a_host_that_was_late_gets_its_turn_when_it_answers(new: FleetDesk) -> None:
    sshd = "$(pgrep -o -x sshd)"
    new.hosts["web2"].exec(["sh", "-c", f"kill -STOP {sshd}"])

    with subprocess.Popen(
        command(*APPLY, "-T", "60"),
        cwd=new.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        done = until(lambda: bool(current(new.hosts["web1"])), timeout=45)
        new.hosts["web2"].exec(["sh", "-c", f"kill -CONT {sshd}"])
        said = run.communicate(timeout=60)[0]

    assert done
    assert run.returncode == 0, said
    assert "going on without web2: no answer yet" in said
    assert outcomes(new.apply()) == {"web1": "unchanged", "web2": "unchanged"}


@pytest.mark.slow
def test_a_difference_shows_no_private_key(live: FleetDesk) -> None:
    """Seen: whole private keys, old and new, on the terminal and in the logs of whoever ran it."""
    old = keys_of(live)
    live.write(hsts=True, server_aliases=["b.example.com"])

    planned = deployer(live.directory, "plan", "-D")
    applied = deployer(live.directory, *APPLY, "-D")

    new = keys_of(live)
    assert len(old | new) == 2 * len(old) > 0
    for said in (planned, applied):
        assert "Strict-Transport-Security" in said.stdout
        text = f"{said.stdout}{said.stderr}"
        assert "PRIVATE" not in text
        assert not [line for line in old | new if line in text]


def keys_of(desk: FleetDesk) -> set[str]:
    """Every line of every private key that is live."""
    command = ["sh", "-c", f"cat {ROOT}/current/tls/*/key.pem"]
    texts = [host.exec(command).stdout.decode() for host in desk.hosts.values()]
    return {line for text in texts for line in text.splitlines() if "PRIVATE" not in line}


def test_a_dry_run_works_from_nothing_foresees_a_rotation_and_changes_nothing(
    new: FleetDesk,
) -> None:
    """Seen: it fails where nothing was made yet, foresees no rotation, or overwrites keys."""
    before = contents(new.directory)
    first = new.events(*APPLY, "--check")
    assert contents(new.directory) == before
    assert not [host for host in new.hosts.values() if current(host)]
    assert plans(new.apply()) == plans(first)

    before, there = contents(new.directory), [files_of(host) for host in new.hosts.values()]
    foreseen = new.events(*ROTATE, "--check")
    assert contents(new.directory) == before
    assert [files_of(host) for host in new.hosts.values()] == there
    done = plans(new.events(*ROTATE))
    assert plans(foreseen) == done
    subjects = {change["subject"] for changes in done.values() for change in changes}
    assert {"tls/api.example.com/fullchain.pem", "tls/api.example.com/key.pem"} <= subjects


def plans(events: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """What a run is about to change on each host, and why."""
    return {event["host"]: event["changes"] for event in events if event["event"] == "plan"}


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of the controller's project; not the scratch of a database that was read."""
    return {
        str(path): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def files_of(host: FleetHost) -> bytes:
    """Every file of ours on a host, with its time and size."""
    find = f"find {ROOT} {STATE} /etc/apache2 -printf '%p %T@ %s %l\\n' | sort"
    return host.exec(["sh", "-c", find]).stdout
