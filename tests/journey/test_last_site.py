"""Taking away the last site of a host takes it away from the host."""

from pathlib import Path

from deployer.workflows.targets import specs
from tests.hosts.prober import Prober
from tests.inventory.written import host
from tests.journey.workbench import Workbench


def test_a_host_without_sites_gets_a_release_without_sites(live_desk: Workbench) -> None:
    desk = live_desk
    desk.vhosts = []
    desk.write_inventory()

    assert "critical" not in desk.deployer("status", status=8).stdout
    planned = desk.deployer("plan")
    assert "- sites/" in planned.stdout
    assert "1 to change" in planned.stderr
    with Prober(desk.host.site_url) as visitor:
        (changed,) = desk.events("host", "apply", "--yes")

    assert (changed["outcome"], changed["unproven"]) == ("changed", "")
    assert visitor.failures == ()
    assert desk.curl(*desk.alice).stdout == "000"
    listed = desk.host.exec(["find", f"{desk.host.layout.root}/current/", "-type", "f"]).stdout
    assert sorted(Path(path).name for path in listed.decode().split()) == [
        "000-server.conf",
        "MANIFEST",
        "include.conf",
    ]
    assert [one["outcome"] for one in desk.events("host", "apply")] == ["unchanged"]
    (site,) = desk.events("site", "status")
    assert (site["server_name"], site["health"]) == (None, "ok")
    assert desk.events("knock", "probe") == []
    assert "000-server.conf" in desk.deployer("render").stdout

    desk.vhosts = [desk.site()]
    desk.write_inventory()
    desk.apply()
    assert desk.curl(*desk.alice).stdout == "200"


def test_a_host_that_never_spoke_of_sites_is_none_of_ours() -> None:
    assert specs([host("ansible_host: 192.0.2.1")]) == ()
    assert [one.vhosts for one in specs([host("apache_vhosts: []")])] == [()]
