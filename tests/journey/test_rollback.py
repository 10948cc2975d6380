"""Going back to a release that a host keeps, whatever became of its Apache meanwhile."""

import pytest

from tests.hosts.prober import Prober
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


def test_an_apache_that_is_dead_is_started_with_the_release(
    two: tuple[Workbench, str, str],
) -> None:
    desk, first, _ = two
    stop(desk)

    said = desk.deployer(*ROLLBACK)

    assert "it does not run, and is started" in said.stdout
    assert live(desk) == first
    assert desk.curl(*desk.alice).stdout == "200"


def stop(desk: Workbench) -> None:
    pid_file = desk.host.layout.pid_file
    desk.host.exec(
        ["sh", "-c", f"kill $(cat {pid_file}) && while test -s {pid_file}; do sleep 0.05; done"]
    )
