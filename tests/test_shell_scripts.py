"""Shell scripts, those that run on a host and those that set a computer up."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = [
    *sorted(ROOT.glob("deployer/**/*.sh")),
    *sorted(ROOT.glob("tests/**/*.sh")),
    *sorted(ROOT.glob("scripts/*")),
    ROOT / ".ci/run",
]
# Of the environment that runs the tests first: its version is the one in the lock.
SHELLCHECK = shutil.which("shellcheck", path=Path(sys.executable).parent) or shutil.which(
    "shellcheck"
)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.skipif(SHELLCHECK is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=named)
def test_shellcheck_finds_nothing(script: Path) -> None:
    found = subprocess.run([str(SHELLCHECK), script], capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=named)
def test_a_script_begins_by_saying_what_it_is_for(script: Path) -> None:
    lines = script.read_text().splitlines()
    first = lines[1] if lines[0].startswith("#!") else lines[0]

    assert first.startswith("# ")
    assert not first.startswith("# shellcheck")
