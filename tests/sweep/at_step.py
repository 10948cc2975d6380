"""
The product's own command line, to which something happens at a step.

`python at_step.py STEP MOMENT NUMBER ACTION ARGUMENT...`: when the step of a host begins or ends
(or is under way) for the NUMBER-th time, the ACTION is taken: `kill` (SIGKILL leaves no time to
tidy up), `interrupt` or `interrupt-twice` (Ctrl-C), or a program, which gets the name of the host.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cached_property

import deployer.cli
from deployer.cli.host_session import HostSession
from deployer.result import Event, Listener, Step

UNDER_WAY = 0.06
"""Seconds after which the host's script is at work; each takes a tenth of a second or more."""
BETWEEN_SIGNALS = 0.3


class Saboteur:
    """A listener beside the product's own."""

    def __init__(self, step: Step, moment: str, number: int, act: Callable[[str], None]) -> None:
        self._step, self._moment, self._left, self._act = step, moment, number, act
        self._lock = threading.Lock()

    def hear(self, event: Event) -> None:
        if event.step is not self._step or event.ended is not (self._moment == "end"):
            return
        with self._lock:
            self._left -= 1
            due = self._left == 0
        if due and self._moment == "during":
            threading.Timer(UNDER_WAY, self._act, [event.host]).start()
        elif due:
            self._act(event.host)


def action(name: str) -> Callable[[str], None]:
    def kill(_: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def interrupt(_: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def interrupt_twice(_: str) -> None:
        interrupt(_)
        again = threading.Timer(BETWEEN_SIGNALS, interrupt, [_])
        again.daemon = True
        again.start()

    def run(host: str) -> None:
        subprocess.run([name, host], check=True)

    own = {"kill": kill, "interrupt": interrupt, "interrupt-twice": interrupt_twice}
    return own.get(name, run)


def sabotaged(own: "cached_property[Listener]", saboteur: Saboteur) -> "cached_property[Listener]":
    def listen(session: HostSession) -> Listener:
        tell = own.func(session)

        def hear(event: Event) -> None:
            tell(event)
            saboteur.hear(event)

        return hear

    both = cached_property(listen)
    both.__set_name__(HostSession, "listen")
    return both


if __name__ == "__main__":
    _, step, moment, number, act, *arguments = sys.argv
    saboteur = Saboteur(Step(step), moment, int(number), action(act))
    type.__setattr__(HostSession, "listen", sabotaged(vars(HostSession)["listen"], saboteur))
    sys.argv = ["deployer", *arguments]
    deployer.cli.main()
