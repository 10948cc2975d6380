"""
Kill a script of ours at its n-th command, or at a line of the journal.

Nothing in the script knows of it. A shell that traces (`set -x`) expands PS4 before each command.
Ours counts there, and kills the shell instead of letting it go on: the command is not run, and
nothing after it. For a line of the journal, the function that writes it gets another one around it,
on its way to the shell.
"""

import re
from collections.abc import Sequence

from deployer.host.script import Host
from deployer.result import HostStep
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


EVAL = 'eval "$script"'
EDITED = 'eval "$(printf "%s\\n" "$script" | sed \'{edit}\')"'


def editing(step: HostStep, moment: str, act: str = "kill -KILL $$") -> str:
    """A command of sed that has a script killed before or after it writes a line of its journal."""
    case = f'[ "$1" != {step} ] || {act}'
    first, last = (case, "true") if moment == "before" else ("true", case)
    around = f'journal() {{\\n{first}\\nput_down "$@"\\n{last}\\n}}\\nput_down() {{'
    return f"s#^journal() {{$#{around}#"


class KilledAt(InSandbox):
    """Run scripts of which each is killed at one line of its journal."""

    def __init__(self, sandbox: Sandbox, step: HostStep, moment: str) -> None:
        super().__init__(sandbox)
        self._edit = editing(step, moment)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        shell, option, script, *rest = argv
        assert EVAL in script
        edited = script.replace(EVAL, EDITED.format(edit=self._edit))
        return super().run((shell, option, edited, *rest), stdin=stdin, timeout=timeout)


def steps_of(sandbox: Sandbox, verb: str, *arguments: str, payload: bytes = b"") -> int:
    """Run a script to its end and count its commands."""
    host = Host("web1", Killed(sandbox, at=1_000_000), sandbox.layout, "")
    done = host.run(verb, *arguments, payload=payload)
    return max(int(number) for number in re.findall(rb"(?m)^@(\d+) ", done.stderr))
