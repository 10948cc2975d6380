"""Going back to a release that a host keeps, whatever became of its Apache meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet, FleetHost
from tests.hosts.prober import Prober
from tests.journey.fleet_desk import FleetDesk, outcomes, steps
from tests.journey.workbench import Workbench

ROLLBACK = ("rollback", "--yes", "--identity", "alice")


def live(desk: Workbench) -> str:
    """The name of the live release."""
    return (
        desk.host.exec(["readlink", f"{desk.host.layout.root}/current"])
        .stdout.decode()
        .split("/")[-1]
        .strip()
    )


def change(desk: Workbench) -> str:
    """Bring the host another release: there clients may do without a certificate."""
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()
    desk.apply()
    return live(desk)


@pytest.fixture
def two(live_desk: Workbench) -> tuple[Workbench, str, str]:
    """A desk whose host keeps a first release, and has a second one live."""
    first = live(live_desk)
    return live_desk, first, change(live_desk)


def test_a_host_goes_back_to_the_release_before_and_there_again(
    two: tuple[Workbench, str, str],
) -> None:
    desk, first, second = two
    assert desk.curl().stdout == "200"

    with Prober(desk.host.site_url) as visitor:
        said = desk.deployer(*ROLLBACK)

    assert f"{second} -> {first}" in said.stdout
    assert "~ sites/" in said.stdout
    assert said.stdout.splitlines()[-1].split() == ["web1", "changed", first]
    assert live(desk) == first
    assert desk.curl(*desk.alice).stdout == "200"
    assert desk.curl().returncode != 0
    assert visitor.failures == ()
    # The inventory still wants the other one.
    assert "1 to change" in desk.deployer("plan").stderr
    assert desk.deployer("runs", "show").stderr.startswith("run 3: rollback")

    desk.deployer(*ROLLBACK)
    assert live(desk) == second
    assert "0 to change" in desk.deployer("plan").stderr


def test_an_apache_that_died_of_an_edited_release_is_started_with_the_one_before(
    two: tuple[Workbench, str, str],
) -> None:
    desk, first, second = two
    site = next(path for path in listed(desk) if path.startswith("sites/api"))
    root = desk.host.layout.root
    desk.host.write(f"{root}/current/{site}", "Bogus on\n")
    stop(desk)

    looked = desk.deployer("rollback", "--check").stdout
    (result,) = desk.events("host", *ROLLBACK)

    assert "~ Apache   (it does not run, and is started)" in looked
    assert f"~ {site}   (edited on the host)" in looked
    assert (result["outcome"], result["unproven"]) == ("changed", "")
    assert live(desk) == first
    assert desk.curl(*desk.alice).stdout == "200"

    # The way there again would end in the same hole.
    said = desk.deployer(*ROLLBACK, status=2).stderr
    assert f"{second} would do harm by now" in said
    assert f"edited on the host: {site}" in said
    said = desk.deployer(*ROLLBACK, "--force", status=2).stderr
    assert "Invalid command 'Bogus'" in said
    assert "nothing was touched; choose another release" in said
    assert live(desk) == first
    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.slow
@pytest.mark.fault(28, 29)
def test_what_no_release_of_ours_can_mend_is_named_and_nothing_is_touched(
    two: tuple[Workbench, str, str],
) -> None:
    desk, _, second = two
    layout = desk.host.layout
    desk.host.write(f"{layout.vhost_dir}/zz-another.conf", "Nonsense on\n")

    with Prober(desk.host.site_url) as visitor:
        said = desk.deployer(*ROLLBACK, status=2).stderr

    assert visitor.failures == ()
    assert "Invalid command 'Nonsense'" in said
    assert f"{layout.vhost_dir}/zz-another.conf" in said
    assert "no release of ours mends that, and nothing was touched" in said

    # Ours is broken as well, and Apache is dead: it is still the other that is in the way.
    desk.host.write(f"{layout.root}/current/sites/000-server.conf", "Bogus on\n")
    stop(desk)
    said = desk.deployer(*ROLLBACK, status=2).stderr
    assert f"{layout.vhost_dir}/zz-another.conf" in said
    assert live(desk) == second
    assert desk.curl().returncode != 0

    desk.host.exec(["rm", f"{layout.vhost_dir}/zz-another.conf"])
    desk.deployer(*ROLLBACK)
    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.slow
@pytest.mark.fault(36)
def test_a_port_that_was_taken_from_a_dead_apache_is_found_before_the_switch(
    two: tuple[Workbench, str, str],
) -> None:
    desk, _, second = two
    if os.geteuid() != 0:
        pytest.skip("a shadow cannot see it: namespaces need root")
    stop(desk)
    listen = f"import socket,time; s=socket.create_server(('0.0.0.0', {desk.port})); print()\n"
    code = f"{listen}time.sleep(600)"
    if isinstance(desk.host, FleetHost):
        enter = ["nsenter", f"--target={desk.host.pid}", "--net", "--"]
    else:
        enter = []
    with subprocess.Popen([*enter, sys.executable, "-c", code], stdout=subprocess.PIPE) as thief:
        assert thief.stdout is not None
        thief.stdout.readline()
        try:
            said = desk.deployer(*ROLLBACK, status=2).stderr
        finally:
            thief.kill()

    assert f"another program listens on {desk.port}" in said
    assert live(desk) == second
    desk.deployer(*ROLLBACK)
    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.slow
def test_a_release_is_named_by_the_beginning_of_its_name(live_desk: Workbench) -> None:
    desk = live_desk
    first = live(desk)
    alone = desk.deployer(*ROLLBACK, status=2).stderr
    assert "there is no release before the live one" in alone
    second = change(desk)
    releases = f"{desk.host.layout.root}/releases"
    desk.host.exec(["cp", "-a", f"{releases}/{first}", f"{releases}/{first}.2"])

    unknown = desk.deployer(*ROLLBACK, "--to", "0" * 20, status=2).stderr
    several = desk.deployer(*ROLLBACK, "--to", first[:8], status=2).stderr
    usage = desk.deployer(*ROLLBACK, "--to", "$(id)", status=5).stderr
    there = desk.events("host", *ROLLBACK, "--to", second[:8])
    exact = desk.events("host", *ROLLBACK, "--to", first)

    assert "no release that is kept here begins with 00000000000000000000" in unknown
    assert f"{second} (live)" in unknown
    assert f"{first}.2" in unknown
    assert f"2 releases begin with {first[:8]}: " in several
    assert "that is not the name of a release" in usage
    assert [one["outcome"] for one in there + exact] == ["unchanged", "changed"]
    assert live(desk) == first


@pytest.mark.slow
def test_nobody_who_was_revoked_since_is_let_in_again_by_a_rollback(
    live_desk: Workbench,
) -> None:
    desk = live_desk
    first = live(desk)
    passphrase = ("--passphrase-file", "passphrase")
    desk.deployer("client", "revoke", "alice", "--yes", *passphrase)
    desk.apply()
    revoked = live(desk)
    serial = desk.events("certificate", "cert", "list", "--name", "alice")[0]["serial"]

    said = desk.deployer("rollback", "--yes", status=2).stderr

    assert f"would let in again what was revoked since: {serial}" in said
    assert live(desk) == revoked
    assert desk.curl(*desk.alice).returncode != 0

    # Unless the operator insists.
    forced = desk.deployer("rollback", "--yes", "--force")
    assert "no certified client was tried: give --identity" in forced.stderr
    assert live(desk) == first
    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.slow
def test_hosts_go_back_in_batches_and_a_canary_that_fails_stops_them(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(3))
    desk.apply()
    desk.write(hsts=True)
    desk.apply()
    desk.hosts["web3"].write("/etc/apache2/sites-enabled/broken.conf", "Bogus\n")

    stopped = desk.events("rollback", "--yes", "--canary", "web3", status=2)
    desk.hosts["web3"].exec(["rm", "/etc/apache2/sites-enabled/broken.conf"])
    desk.hosts["web2"].unplug()
    options = ("--serial", "2,1", "-T", "0.5", "--processes", "2")
    rolled = desk.events("rollback", "--yes", *options, status=4)
    again = desk.events("rollback", "--check", "web1")

    assert outcomes(stopped) == {"web1": "skipped", "web2": "skipped", "web3": "failed"}
    assert outcomes(rolled) == {"web1": "changed", "web2": "unreachable", "web3": "changed"}
    switched = [name for name, _, ended in steps(rolled, "confirm") if ended]
    assert switched == ["web1", "web3"]
    (planned,) = (event for event in again if event["event"] == "plan")
    assert planned["release"] in planned["kept"]
    assert planned["live"] != planned["release"]


@pytest.mark.slow
def test_a_release_that_has_expired_on_the_clock_of_the_host_is_refused(
    fleet_host: FleetHost, founded: Path, tmp_path: Path
) -> None:
    desk = Workbench(tmp_path / "project", fleet_host)
    desk.take_ca(founded)
    desk.apply()
    change(desk)
    fleet_host.exec(["mv", "/usr/bin/date", "/usr/bin/date.real"])
    ahead = '#!/bin/sh\nexec /usr/bin/date.real -d "+400 days" "$@"\n'
    fleet_host.write("/usr/bin/date", ahead, mode=0o755)

    said = desk.deployer(*ROLLBACK, status=2).stderr

    assert "would do harm by now" in said
    assert "api.example.com: CN=api.example.com expired on " in said
    assert "api.example.com: the CRL of CN=Example Client CA G1,O=Example expired on " in said


def listed(desk: Workbench) -> list[str]:
    """The files of the live release."""
    root = f"{desk.host.layout.root}/current/"
    return desk.host.exec(["sh", "-c", f"cd {root} && find * -type f"]).stdout.decode().split()


def stop(desk: Workbench) -> None:
    """End Apache, and wait until it has ended."""
    pid_file = desk.host.layout.pid_file
    gone = f"kill $(cat {pid_file}) && while test -s {pid_file}; do sleep 0.05; done"
    desk.host.exec(["sh", "-c", gone])
