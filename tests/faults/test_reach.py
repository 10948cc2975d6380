"""Hosts that cannot be reached, fall silent, or are badly connected, beside hosts that are well."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from deployer.errors import Interrupted, Unreachable
from deployer.host import verbs
from deployer.host.script import Host
from deployer.sandbox.processes import until
from deployer.transport.deadlines import Deadlines
from deployer.transport.known_hosts import KnownHosts
from deployer.transport.ssh import connect
from tests.faults.inventory import change, firewall, through
from tests.faults.line import Line
from tests.host.machine import Machine, new_switch, on_fleet
from tests.hosts.fleet import Fleet, FleetHost
from tests.hosts.prober import Prober
from tests.journey.fleet_desk import FleetDesk, outcomes
from tests.journey.test_signals import SILENCE, begins, running
from tests.transport.sshd import wait_for, way_to

LARGE = {"trust/large.pem": bytes(400_000)}
NO_MTU = "tcp dport 22 meta length > 1400 drop"


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert seconds - 0.1 < time.monotonic() - started < seconds + 1


def desk_of(fleet: Fleet, founded: Path, tmp_path: Path, *hosts: FleetHost) -> FleetDesk:
    return FleetDesk(tmp_path / "project", founded, hosts or fleet.hosts(2))


@contextmanager
def connected(host: FleetHost, port: int, *, known: str = "") -> Iterator[Machine]:
    """The host as it is over SSH, through a port of this machine or its own."""
    key = " ".join(known_key(host).split()[1:])
    address, name = ("127.0.0.1", f"[127.0.0.1]:{port}") if port != 22 else (host.address,) * 2
    hosts = KnownHosts()
    hosts.add(f"{name} {key}")
    target = way_to(port, address=address, user=host.user, key=host.private_key_file)
    with closing(connect(target, known_hosts=hosts)) as ssh:
        yield Machine(Host("web1", ssh, host.layout, host.address), host)


def known_key(host: FleetHost) -> str:
    lines = host.known_hosts.read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{host.address} "))


def is_untouched(machine: Machine) -> bool:
    """Say whether nothing of a release is visible, not even under the name of one half-done."""
    names = [path.name for path in machine.root.glob("releases/*")]
    return all(name.startswith(".") for name in names) and machine.site_serves()


@pytest.mark.fault(
    1,
    how="one host rejects connections, one lost its cable, one has a name that nobody knows; "
    "one that is there is broken",
)
def test_hosts_out_of_reach_are_told_from_failed_ones_and_the_others_go_on(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = desk_of(fleet, founded, tmp_path, *fleet.hosts(5))
    desk.hosts["web2"].exec(
        ["nft", "-f", "-"], stdin=firewall("tcp dport 22 reject with tcp reset")
    )
    desk.hosts["web3"].unplug()
    change(desk.directory, "web4", ansible_host="nowhere.invalid")
    desk.hosts["web5"].write("/etc/apache2/sites-enabled/broken.conf", "Bogus\n")

    events = desk.apply("-T", "0.5", status=6)

    assert outcomes(events) == {
        "web1": "changed",
        "web2": "unreachable",
        "web3": "unreachable",
        "web4": "unreachable",
        "web5": "failed",
    }
    said = {event["host"]: event["summary"] for event in events if event["event"] == "host"}
    assert "refused" in said["web2"]
    assert "within 0.5 s" in said["web3"]
    assert "nowhere.invalid" in said["web4"]


@pytest.mark.fault(2)
def test_a_host_whose_packets_vanish_costs_the_time_to_connect(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = desk_of(fleet, founded, tmp_path)
    black = desk.hosts["web1"]
    black.exec(["nft", "-f", "-"], stdin=firewall("tcp dport 22 drop"))

    with ends_within(1), pytest.raises(Unreachable, match="connect: no answer"):
        connect(
            way_to(22, address=black.address),
            known_hosts=KnownHosts(),
            timeouts=Deadlines(connect=1),
        )
    events = desk.apply("-T", "1", status=4)

    assert outcomes(events) == {"web1": "unreachable", "web2": "changed"}


@pytest.mark.slow
@pytest.mark.fault(3, how="a line that brings nothing back, beside a host that is well")
@pytest.mark.fault(
    4, how="a line that falls silent in the key exchange, beside a host that is well"
)
def test_hosts_that_fall_silent_cost_their_own_deadline(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = desk_of(fleet, founded, tmp_path, *fleet.hosts(3))
    silent = Line(to=(desk.hosts["web1"].address, 22), up_to=1, end="silence")
    stuck = Line(to=(desk.hosts["web2"].address, 22), up_to=200, end="silence")
    with silent.running(), stuck.running():
        change(desk.directory, "web1", **through(silent, desk.hosts["web1"]))
        change(desk.directory, "web2", **through(stuck, desk.hosts["web2"]))
        started = time.monotonic()
        events = desk.apply(status=4)

    assert outcomes(events) == {"web1": "unreachable", "web2": "unreachable", "web3": "changed"}
    assert time.monotonic() - started < Deadlines().handshake + 10


@pytest.mark.fault(5)
def test_a_transfer_that_stops_in_the_middle_leaves_no_release(fleet_host: FleetHost) -> None:
    host = on_fleet(fleet_host)
    release, switch = host.release(replaced=LARGE), new_switch(host.host)
    line = Line(to=(fleet_host.address, 22), end="silence")
    with line.running(), connected(fleet_host, line.port) as far:
        found = far.observe()
        line.up_to = 200_000
        with ends_within(2), pytest.raises(Interrupted):
            verbs.stage(far.host, release, found, switch, timeout=2)

        assert line.ended.is_set()
        assert is_untouched(host)

    # The next run brings it, and what the first has left is gone.
    name = host.stage(release)
    assert [path.name for path in (host.root / "releases").iterdir()] == [name]


@pytest.mark.fault(7, how="nft drops whatever is larger than 1400 bytes, and says nothing")
def test_a_way_too_narrow_for_large_packets_ends_at_the_deadline(fleet_host: FleetHost) -> None:
    host = on_fleet(fleet_host)
    release, switch = host.release(replaced=LARGE), new_switch(host.host)
    with connected(fleet_host, 22) as near:
        found = near.observe()
        fleet_host.exec(["nft", "-f", "-"], stdin=firewall(NO_MTU))
        with ends_within(2), pytest.raises(Interrupted):
            verbs.stage(near.host, release, found, switch, timeout=2)
    assert is_untouched(host)
    fleet_host.exec(["nft", "flush", "ruleset"])

    with connected(fleet_host, 22) as near:
        near.deploy(release)
    assert host.serves(release)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.fault(7, how="nft drops every fifth packet at random; a relay takes 400 ms each way")
def test_a_bad_line_brings_a_release_once_or_not_at_all(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = desk_of(fleet, founded, tmp_path, fleet.host())
    host = desk.hosts["web1"]
    host.exec(["nft", "-f", "-"], stdin=firewall("tcp dport 22 numgen random mod 5 == 0 drop"))
    with Line(to=(host.address, 22), delay=0.4).running() as line, Prober(host.site_url) as visitor:
        change(desk.directory, "web1", **through(line, host))
        (outcome,) = outcomes(desk.apply()).values()

    assert outcome == "changed"
    assert visitor.failures == ()
    journal = host.read(f"{host.layout.state_dir}/journal").decode()
    assert journal.count(" switched ") == 1
    host.exec(["nft", "flush", "ruleset"])
    desk.write()
    assert outcomes(desk.apply()) == {"web1": "unchanged"}


@pytest.mark.fault(10, how="`MaxSessions 1`, `MaxStartups 1` and somebody who takes his time")
def test_a_host_of_few_connections_gets_its_release_when_there_is_room(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = desk_of(fleet, founded, tmp_path, fleet.host())
    host = desk.hosts["web1"]
    few = "/usr/sbin/sshd -o MaxSessions=1 -o MaxStartups=1"
    gone = "kill $old; while kill -0 $old 2>/dev/null; do sleep 0.02; done"
    host.exec(["sh", "-c", f"old=$(cat /run/sshd.pid); {gone}; {few}"])
    held = wait_for(lambda: dawdler(host), "place on a host that has one")

    with (
        Line(to=(host.address, 22)).running() as line,
        closing(held),
        ThreadPoolExecutor(1) as pool,
    ):
        change(desk.directory, "web1", **through(line, host))
        applying = pool.submit(desk.apply)
        # It was sent away once, and comes again.
        assert until(lambda: line.connections > 1, timeout=30)
        held.close()
        assert outcomes(applying.result()) == {"web1": "changed"}


def dawdler(host: FleetHost) -> socket.socket | None:
    """Connect, and do not log in."""
    connection = socket.socket()
    try:
        connection.connect((host.address, 22))
        if connection.recv(4) == b"SSH-":
            return connection
    except OSError:
        pass
    connection.close()
    return None


@pytest.mark.slow
@pytest.mark.fault(11)
def test_a_jump_host_that_dies_takes_down_the_hosts_behind_it_and_no_others(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = desk_of(fleet, founded, tmp_path)
    jump, behind = fleet.host(apache="absent"), desk.hosts["web1"]
    (desk.directory / "ssh_config").write_text(
        f"Host jump\n HostName {jump.address}\n User root\n IdentityFile {jump.private_key_file}\n"
    )
    change(
        desk.directory,
        "web1",
        ansible_ssh_common_args=f"-F {desk.directory}/ssh_config -J jump",
    )
    # So that the probe waits while the jump host dies.
    behind.exec(["nft", "-f", "-"], stdin=SILENCE)

    with Prober(behind.site_url) as visitor:
        with running(desk, "--confirm-timeout", "2") as run:
            run.read_until(begins("web1", "probe"))
            jump.kill()
            status, _ = run.end()
        state = on_fleet(behind)
        assert until(lambda: state.last.startswith("rolled_back"), timeout=30)

    assert status == 2
    assert outcomes(run.events) == {"web1": "unknown", "web2": "changed"}
    assert visitor.failures == ()
    assert state.current == ""
    desk.write()
    behind.exec(["nft", "flush", "ruleset"])
    assert outcomes(desk.apply()) == {"web1": "changed", "web2": "unchanged"}
