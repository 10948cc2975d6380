"""
The controller is killed at every step, with hosts in flight, and every host looks after itself.

Before and after each step, and while a host's script is at work on it; with one host, three, and
thirty. A step that is added to the registry needs an occasion here on which it comes.
"""

import signal
import sys
from pathlib import Path

import pytest
import yaml

from deployer.result import Step
from tests.hosts.fleet import FleetHost
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes
from tests.sweep import promises
from tests.sweep.conftest import DeskOf
from tests.sweep.disk import Disk, look
from tests.sweep.kills import kills_the_controller_at
from tests.sweep.promises import Promises
from tests.sweep.sabotage import CONFIRM_TIMEOUT, again, next_age, sabotaged
from tests.sweep.visitors import Visitors

MOMENTS = ("begin", "during", "end")
ONCE = {Step.ISSUE, Step.SOAK}
"""Steps of the controller, rather than of a host."""
# Nothing is as it should be there by then; and an installation has a test of its own.
OF_A_SWITCH = [step for step in Step if step is not Step.INSTALL]
THIEF = "/etc/apache2/sites-enabled/000-another.conf"


@pytest.mark.fault(44, how="SIGKILL before, during and after each step, with 1, 3 and 30 hosts")
@pytest.mark.timeout(900)
@kills_the_controller_at(OF_A_SWITCH, MOMENTS, quickly=[(Step.ACTIVATE, "during")])
@pytest.mark.parametrize(
    "count", [3, pytest.param(1, marks=pytest.mark.slow), pytest.param(30, marks=pytest.mark.slow)]
)
def test_a_killed_controller_leaves_every_host_wholly_old_or_wholly_new(
    desk_of: DeskOf,
    count: int,
    step: Step,
    moment: str,
) -> None:
    desk = desk_of(count if step is not Step.SOAK else max(3, count))
    hosts = desk.hosts
    disks = {name: look(host) for name, host in hosts.items()}
    old, new = ages(disks), f"max-age={next_age(disks)}"
    options = occasion(desk, step, next_age(disks))
    number = 1 if step in ONCE else (len(hosts) + 1) // 2
    batch = max(1, len(hosts) // 3) if "--serial" in options else len(hosts)
    checker = Promises(desk)

    with Visitors(desk) as visitors:
        done = sabotaged(
            desk.directory, step, moment, number, "kill",
            *APPLY, "--confirm-timeout", CONFIRM_TIMEOUT, *options,
        )  # fmt: skip
        promises.in_flight(hosts.values(), batch)
        disks = checker.check(visitors)
        for name, disk in disks.items():
            assert promises.age_of(disk) in {old[name], new}, f"P3: {name}"

        # With the last step of the last host everything was done: death came late.
        late = (step, moment) == (Step.CONFIRM, "end") and count == 1
        assert done.returncode in ({-signal.SIGKILL, 0} if late else {-signal.SIGKILL}), done
        restore(desk, step)
        again(desk)
        checker.check(visitors)

    sys.stdout.write(f"{visitors.pace}\n")  # shown by `pytest -rP`


@pytest.mark.fault(44, 58, how="SIGKILL of a rotation, before and after it signs and switches")
@pytest.mark.timeout(600)
@kills_the_controller_at([Step.ISSUE, Step.STAGE, Step.ACTIVATE, Step.CONFIRM], MOMENTS)
def test_a_rotation_that_is_killed_leaves_every_host_with_a_key_and_its_own_certificate(
    desk_of: DeskOf, step: Step, moment: str
) -> None:
    desk = desk_of(3)
    checker = Promises(desk)
    number = 1 if step in ONCE else 2
    rotate = ("rotate", "--yes", "--passphrase-file", "passphrase", "--serial", "3")

    with Visitors(desk) as visitors:
        options = (*rotate, "--confirm-timeout", CONFIRM_TIMEOUT)
        done = sabotaged(desk.directory, step, moment, number, "kill", *options)
        checker.check(visitors)

        assert done.returncode == -signal.SIGKILL
        # What was signed and came to no host is on record, and is neither missed nor signed again.
        again(desk)
        checker.check(visitors)


@pytest.mark.fault(44, how="SIGKILL in the first apply to a host")
@kills_the_controller_at(
    [Step.STAGE, Step.ACTIVATE, Step.PROBE, Step.CONFIRM],
    MOMENTS,
)
def test_a_controller_killed_in_its_first_apply_is_forgiven(
    fleet_host: FleetHost, founded: Path, tmp_path: Path, step: Step, moment: str
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, [fleet_host])
    before = fleet_host.exec(["ls", fleet_host.layout.vhost_dir]).stdout
    options = (*APPLY, "--confirm-timeout", CONFIRM_TIMEOUT)

    done = sabotaged(desk.directory, step, moment, 1, "kill", *options)
    disk = Promises(desk).settled()["web1"]

    assert done.returncode == -signal.SIGKILL or (step, moment) == (Step.CONFIRM, "end")
    if not disk.current:
        assert fleet_host.exec(["ls", fleet_host.layout.vhost_dir]).stdout == before
    # What is not live is not kept: there is a new key, unless everything was done.
    again(desk, issues=0 if disk.current else 1)
    with Visitors(desk) as visitors:
        Promises(desk).check(visitors)


@pytest.mark.fault(44, how="SIGKILL while Apache is installed")
@kills_the_controller_at([Step.INSTALL], MOMENTS)
def test_a_controller_killed_while_apache_is_installed_can_begin_again(
    fleet_host: FleetHost, founded: Path, tmp_path: Path, step: Step, moment: str
) -> None:
    pretend_that_apache_can_be_installed(fleet_host)
    desk = FleetDesk(tmp_path / "project", founded, [fleet_host])

    done = sabotaged(desk.directory, step, moment, 1, "kill", *APPLY, "--install")
    Promises(desk).settled()

    assert done.returncode == -signal.SIGKILL
    events = desk.apply("--install")
    assert outcomes(events) == {"web1": "changed"}
    with Visitors(desk) as visitors:
        Promises(desk).check(visitors)


def ages(disks: dict[str, Disk]) -> dict[str, str | None]:
    return {name: promises.age_of(disk) for name, disk in disks.items()}


def occasion(desk: FleetDesk, step: Step, age: int) -> tuple[str, ...]:
    """Make a run come to a step, and return the options that it takes."""
    desk.write(hsts=age)
    if step is Step.HOOK:
        settings = desk.directory / "deployer.toml"
        settings.write_text(f'{settings.read_text()}[hooks]\nbefore_host = ["true"]\n')
    if step is Step.SOAK:
        return "--serial", str(max(1, len(desk.hosts) // 3)), "--soak", "1s"
    if step is Step.ROLL_BACK:
        # A probe that nobody answers as it should: our site has a second name, and somebody else
        # has it already.
        for host in desk.hosts.values():
            (slug,) = {path.parent.name for path in tls(host)}
            host.write(THIEF, theft(slug))
            host.exec(["apache2ctl", "graceful"])
        inventory = yaml.safe_load((desk.directory / "hosts.yml").read_text())
        second = {**desk.site, "server_name": "b.example.com"}
        for variables in inventory["web"]["hosts"].values():
            variables["apache_vhosts"] = [desk.site, second]
            variables["mtls_default_vhost"] = "leave"
        (desk.directory / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))
    return ()


def restore(desk: FleetDesk, step: Step) -> None:
    """Take back what an occasion has done to the project and the hosts."""
    if step is Step.HOOK:
        settings = desk.directory / "deployer.toml"
        settings.write_text(settings.read_text().partition("[hooks]")[0])
    if step is Step.ROLL_BACK:
        desk.write()
        for host in desk.hosts.values():
            host.exec(["rm", THIEF])
            host.exec(["apache2ctl", "graceful"])


def tls(host: FleetHost) -> list[Path]:
    current = host.root / host.layout.root.lstrip("/") / "current"
    return list(current.glob("tls/*/key.pem"))


def theft(slug: str) -> str:
    tls = f"/etc/apache2/deployer/current/tls/{slug}"
    return (
        "<VirtualHost *:443>\nServerName b.example.com\nSSLEngine on\n"
        f"SSLCertificateFile {tls}/fullchain.pem\nSSLCertificateKeyFile {tls}/key.pem\n"
        "</VirtualHost>\n"
    )


def pretend_that_apache_can_be_installed(host: FleetHost) -> None:
    """Stop Apache and hide it; the package manager brings back what was there."""
    host.exec(["apache2ctl", "stop"])
    host.exec(["mv", "/usr/sbin/apache2", "/usr/sbin/apache2.hidden"])
    host.write(
        "/usr/local/bin/apt-get",
        "#!/bin/sh\n[ ! -e /usr/sbin/apache2.hidden ] ||\n"
        "  mv /usr/sbin/apache2.hidden /usr/sbin/apache2\n",
        mode=0o755,
    )
