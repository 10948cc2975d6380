"""Wait until a host has done with a switch by itself."""

import time

from tests.journey.workbench import Workbench

SETTLED = 30.0


def await_settled(desk: Workbench) -> str:
    """Wait until no switch is pending and no script of ours runs; return the live release."""
    state = desk.host.layout.state_dir
    question = (
        f'ls -d "{state}"/pending.* "{state}"/undoing.* "{state}"/lease '
        f'"{desk.host.layout.root}"/releases/.staging.* "{state}"/timer.* 2>/dev/null; '
        "ps -eo args | grep -F 'script=$(dd bs=1' | grep -v grep"
    )
    deadline = time.monotonic() + SETTLED
    while desk.host.exec(["sh", "-c", question], check=False).stdout.strip():
        assert time.monotonic() < deadline, desk.host.exec(["sh", "-c", question]).stdout
        time.sleep(0.05)
    return release(desk)


def release(desk: Workbench) -> str:
    link = desk.host.exec(["readlink", f"{desk.host.layout.root}/current"], check=False)
    return link.stdout.decode().strip()
