"""The one Apache that this suite asks, with many sites."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.house import House, house


@pytest.fixture(scope="session")
def live() -> Iterator[House]:
    """Start once, for what is asked changes nothing."""
    with tempfile.TemporaryDirectory(prefix="deployer-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with house(directory) as opened:
            yield opened
