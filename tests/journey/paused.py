"""An apply that stops before a step, so that a test can do something in between."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.result import Event, HostResult, Step
from deployer.workflows.apply import carry_out
from deployer.workflows.preview import preview


@contextmanager
def apply_paused_at(step: Step, *, confirm_timeout: int = 60) -> Iterator[list[HostResult]]:
    """Run an apply in this process that waits before a step for as long as the block lasts."""
    reached, go_on = threading.Event(), threading.Event()
    results: list[HostResult] = []

    def listen(event: Event) -> None:
        if event.step is step and not event.ended:
            reached.set()
            go_on.wait(timeout=60)

    def run() -> None:
        with HostSession(Common(passphrase_file=Path("passphrase"))) as session:
            claimant = session.claim("apply")
            operator = session.operator(confirm_timeout=confirm_timeout, claimant=claimant)
            operator = replace(operator, listen=listen)
            seen = preview(session.survey(claimant=claimant), session.targets("all"), operator)
            results.extend(carry_out(seen, operator))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert reached.wait(timeout=60)
        yield results
    finally:
        go_on.set()
        thread.join(timeout=60)
