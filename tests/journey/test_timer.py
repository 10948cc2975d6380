"""`deployer init --timer`: units that systemd understands, for runs with nobody at the terminal."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deployer.workflows.timer import units
from tests.journey.workbench import deployer


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd's own checker")
@pytest.mark.parametrize("name", ["project", "a project", "100% $HOME"])
def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path, name: str) -> None:
    project = tmp_path / name
    project.mkdir()
    text = deployer(project, "init", "--timer").stdout
    assert not list(project.iterdir())
    for path, unit in re.findall(r"(?m)^# \S+/(deployer\.\w+)\n((?:.*\n)*?)(?=# /etc|\Z)", text):
        (tmp_path / path).write_text(unit)

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *tmp_path.glob("d*.*")],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")
    assert len(list(tmp_path.glob("deployer.*"))) == 2


def test_a_path_that_no_unit_can_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a\nb").mkdir()

    refused = deployer(tmp_path, "init", "a\nb", "--timer", status=1)

    assert "cannot be written into a unit" in refused.stderr


def test_the_unit_waits_for_the_hosts_in_flight_and_takes_a_lock_for_no_failure() -> None:
    text = units(Path("/srv/project"))

    assert "WorkingDirectory=/srv/project\n" in text
    assert "SuccessExitStatus=75\n" in text
    assert "TimeoutStopSec=120\n" in text
