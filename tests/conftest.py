"""Real hosts for tests: a sandbox that anyone can run, and a fleet for root."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from deployer.sandbox import Sandbox
from tests.faults.results import PROPERTY, Recorder
from tests.hosts.fleet import Fleet, FleetHost
from tests.hosts.host import LabHost
from tests.hosts.network import unavailable
from tests.hosts.sandbox import SandboxHost

# A busy machine is not a slow program.
settings.register_profile("deployer", deadline=None)
settings.load_profile("deployer")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fault-results",
        type=Path,
        metavar="FILE",
        help="where to write what became of the tests of the fault matrix",
    )


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--fault-results")
    # Workers of a parallel run send their reports to the process that started them.
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(file))


def pytest_xdist_auto_num_workers() -> int:
    """Start three workers for two cores: most tests wait for a server, a timer or a deadline."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `-m "not fleet"` leave out whatever needs root, without a mark on each test."""
    for item in items:
        if item.get_closest_marker("fault"):
            item.user_properties.append((PROPERTY, True))
        if "fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.fleet)


@pytest.fixture
def room() -> Iterator[Path]:
    """A directory for sandboxes: as root, Apache's workers cannot pass through `tmp_path`."""
    with tempfile.TemporaryDirectory(prefix="deployer-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture
def sandbox(room: Path) -> Iterator[Sandbox]:
    """A real sshd and a real Apache of our own; no root needed."""
    with Sandbox.start(room / "sandbox") as running:
        yield running


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A network on which tests start hosts as they need them."""
    if reason := unavailable():
        # In CI, root is given for the sake of these tests: none of them may go missing.
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail(reason)
        pytest.skip(reason)
    with Fleet.start(tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.fixture
def fleet_host(fleet: Fleet) -> Iterator[FleetHost]:
    """A fresh Debian host with Apache as installed."""
    host = fleet.host()
    yield host
    host.kill()


@pytest.fixture(params=["sandbox", pytest.param("fleet", marks=pytest.mark.fleet)])
def any_host(request: pytest.FixtureRequest) -> LabHost:
    """A host of either kind. What holds for one must hold for the other."""
    if request.param == "sandbox":
        return SandboxHost(request.getfixturevalue("sandbox"))
    host: FleetHost = request.getfixturevalue("fleet_host")
    return host
