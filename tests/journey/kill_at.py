"""
A controller that kills itself: `python kill_at.py STEP begin|during|end`.

It is the product's own apply with a listener of ours; SIGKILL leaves it no time to tidy up.
"""

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.result import Event, Step
from deployer.workflows.apply import carry_out
from deployer.workflows.preview import preview

CONFIRM_TIMEOUT = 3


def main() -> None:
    step, moment = Step(sys.argv[1]), sys.argv[2]

    def listen(event: Event) -> None:
        operator.listen(event)
        if event.step is not step:
            return
        if moment == "during" and not event.ended:
            # While the host's script is at work; each takes a tenth of a second or more.
            threading.Timer(0.06, die).start()
        elif event.ended is (moment == "end"):
            die()

    with HostSession(Common(passphrase_file=Path("passphrase"))) as session:
        claimant = session.claim("apply")
        operator = session.operator(confirm_timeout=CONFIRM_TIMEOUT, claimant=claimant)
        killed = replace(operator, listen=listen)
        seen = preview(session.survey(claimant=claimant), session.targets("all"), killed)
        list(carry_out(seen, killed))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
