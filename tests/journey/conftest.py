"""Desks with a CA and an identity, one for each kind of host."""

from pathlib import Path

import pytest

from tests.hosts.host import LabHost
from tests.journey.workbench import Workbench, found_ca

# What these two say is said of Debian itself in the normal run; all others once, in a sandbox.
ON_DEBIAN = {"test_main_job"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what a sandbox has shown already to `make test-all`."""
    for item in items:
        assert isinstance(item, pytest.Function)
        if not Path(__file__).parent.samefile(item.path.parent) or item.path.stem in ON_DEBIAN:
            continue
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if parameters.get("any_host") == "fleet":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project directory with a CA and alice's certificate, to copy from."""
    directory = tmp_path_factory.mktemp("founded")
    found_ca(directory)
    return directory


@pytest.fixture
def desk(any_host: LabHost, tmp_path: Path, founded: Path) -> Workbench:
    """A project for a host of either kind, with a CA and alice's certificate."""
    desk = Workbench(tmp_path / "project", any_host)
    desk.take_ca(founded)
    return desk


@pytest.fixture
def live_desk(desk: Workbench) -> Workbench:
    """The same after a first apply."""
    desk.apply()
    return desk
