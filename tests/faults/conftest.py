"""A CA to start from, as in the journeys."""

from pathlib import Path

import pytest

from tests.journey.workbench import found_ca


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project directory with a CA and alice's certificate, to copy from."""
    directory = tmp_path_factory.mktemp("founded")
    found_ca(directory)
    return directory
