import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.store.state import Store
from tests.store.examples import NOW, found_ca


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("founded") / ".deployer"
    found_ca(directory)
    return directory


@pytest.fixture
def state(founded: Path, tmp_path: Path) -> Path:
    """A state directory of one's own, with a CA."""
    return shutil.copytree(founded, tmp_path / ".deployer")


@pytest.fixture
def store(state: Path) -> Iterator[Store]:
    with Store.open(state, now=NOW, lock_timeout=0.2) as store:
        yield store
