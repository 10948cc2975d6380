"""What is true of commands on this computer alone."""

import time
from pathlib import Path

import pytest

from deployer.errors import Interrupted
from deployer.transport.local import Local
from tests.transport.sshd import wait_for


def test_secrets_in_our_environment_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYER_CA_PASSPHRASE", "open sesame")

    seen = Local().run(["env"], timeout=10).stdout.decode()

    assert "PATH=" in seen
    assert "open sesame" not in seen


def test_what_a_command_has_started_ends_with_it(tmp_path: Path) -> None:
    script = f"sleep 20 & echo $! >{tmp_path}/pid; wait"

    with pytest.raises(Interrupted):
        Local().run(["sh", "-c", script], timeout=0.3)

    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: None if is_running(pid) else True, "end of what the command started")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_child_that_keeps_the_output_open_does_not_hold_us_for_ever() -> None:
    started = time.monotonic()

    with pytest.raises(Interrupted, match="did not end"):
        Local().run(["sh", "-c", "setsid sleep 3 & exit 0"], timeout=0.3)

    assert time.monotonic() - started < 1.3
