"""A controller whose state is a copy from yesterday comes to hosts that have newer things."""

import shutil
from pathlib import Path

import pytest

from tests.hosts.fleet import FleetHost
from tests.journey.fleet_desk import APPLY, FleetDesk
from tests.journey.workbench import deployer
from tests.sweep.disk import lists, look


@pytest.mark.fault(59, how="a copy of the state from before a revocation comes to a host")
def test_no_list_of_revocations_is_replaced_by_an_older_one(
    fleet_host: FleetHost, founded: Path, tmp_path: Path
) -> None:
    desk = FleetDesk(tmp_path / "project", founded, [fleet_host])
    desk.apply()
    older = tmp_path / "older"
    shutil.copytree(desk.directory, older)
    deployer(
        desk.directory, "client", "revoke", "alice", "--yes", "--passphrase-file", "passphrase"
    )
    desk.apply()
    newer = lists(look(fleet_host))

    refused = deployer(older, *APPLY, status=2)

    assert "are newer than those of this state" in refused.stderr
    assert "ca crl --renew" in refused.stderr
    for issuer, number in lists(look(fleet_host)).items():
        assert number >= newer[issuer]
