"""Advice in `plan` and `apply`, on a real host."""

from pathlib import Path

import pytest

from deployer.sandbox import Sandbox
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import Workbench, found_ca


@pytest.fixture
def desk(sandbox: Sandbox, tmp_path: Path) -> Workbench:
    desk = Workbench(tmp_path / "project", SandboxHost(sandbox))
    (tmp_path / "founded").mkdir()
    found_ca(tmp_path / "founded")
    desk.take_ca(tmp_path / "founded")
    return desk


def test_an_error_leaves_a_host_as_it_is_and_a_warning_is_said_once(desk: Workbench) -> None:
    desk.vhosts = [desk.site(extra="SSLStrictSNIVHostCheck off", hsts=True)]
    desk.write_inventory()

    refused = desk.apply(status=2)

    assert "check: MTLS-111: " in refused.stderr
    assert "web1  failed" in refused.stdout
    assert desk.events("certificate", "cert", "list", "--name", "api.example.com") == []

    desk.vhosts = [desk.site(hsts=True)]
    desk.write_inventory()
    planned = desk.deployer("plan")

    assert planned.stderr.count("MTLS-506") == 2  # the warning, and how to accept it
    assert "MTLS-506" not in planned.stdout
    assert [one["number"] for one in desk.events("finding", "plan")] == ["MTLS-506", "MTLS-403"]

    desk.variables = {"mtls_accept": ["MTLS-506"]}
    desk.write_inventory()

    assert "MTLS" not in desk.deployer("plan").stderr
    assert "web1  changed" in desk.apply().stdout
