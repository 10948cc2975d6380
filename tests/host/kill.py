"""
Kill a script of ours at its n-th command, without anything in the script that knows of it.

A shell that traces (`set -x`) expands PS4 before each command. Ours counts there, and kills the
shell instead of letting it go on: the command is not run, and nothing after it.
"""

import re
from collections.abc import Sequence

from deployer.host.script import Host
from deployer.sandbox import Sandbox
from deployer.transport import Completed
from tests.host.machine import InSandbox

TRACED = "n=0; PS4='@$((n+=1))$([ $n -lt {at} ] || {act}) '; set -x; {script}"


class Killed(InSandbox):
    """Run scripts of which each is killed at one of its commands."""

    act = "kill -KILL $$"

    def __init__(self, sandbox: Sandbox, *, at: int) -> None:
        super().__init__(sandbox)
        self._at = at

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        shell, option, script, *rest = argv
        traced = TRACED.format(at=self._at, act=self.act, script=script)
        return super().run((shell, option, traced, *rest), stdin=stdin, timeout=timeout)


class Stopped(Killed):
    """Run scripts of which each stops itself at one of its commands, once, until it is woken."""

    act = '! mkdir "$state/stopped.$token" 2>/dev/null || kill -STOP $$'


def steps_of(sandbox: Sandbox, verb: str, *arguments: str, payload: bytes = b"") -> int:
    """Run a script to its end and count its commands."""
    host = Host("web1", Killed(sandbox, at=1_000_000), sandbox.layout, "")
    done = host.run(verb, *arguments, payload=payload)
    return max(int(number) for number in re.findall(rb"(?m)^@(\d+) ", done.stderr))
