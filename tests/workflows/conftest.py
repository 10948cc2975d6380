"""A state with a CA, to change at will."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.store.state import Store
from tests.store.examples import NOW, found_ca


@pytest.fixture(scope="package")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("founded") / ".deployer"
    found_ca(directory)
    return directory


@pytest.fixture
def store(founded: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(shutil.copytree(founded, tmp_path / ".deployer"), now=NOW) as store:
        yield store
