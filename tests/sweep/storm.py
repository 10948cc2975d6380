"""A fleet to which one operation after another happens, and which is looked at after each."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.journey.fleet_desk import FleetDesk, outcomes
from tests.journey.workbench import command
from tests.sweep import promises
from tests.sweep.damage import cutter, mend, plan_a_kill
from tests.sweep.operations import Kind, Operation
from tests.sweep.promises import Promises
from tests.sweep.sabotage import CONFIRM_TIMEOUT, PATIENCE, applied, at_step, environment
from tests.sweep.visitors import Visitors

FAILED = {0, 2, 4, 6}
"""How a run may end when one of its hosts met with something: some failed, or cannot be reached."""
LEFT_ALONE: frozenset[Kind] = frozenset(
    {"kill controller", "interrupt twice", "cut", "kill script"}
)
"""After these nobody confirms; the others have the time that the product gives them."""
LOCKED = 75
SECRETS = ("--passphrase-file", "passphrase")
FILLER = "/var/lib/deployer/filler"
ROOM = "size=512k,mode=755"


class Storm:
    """What happens, and what is known of the fleet meanwhile."""

    def __init__(self, desk: FleetDesk) -> None:
        self._desk = desk
        self._states = [desk.directory / ".deployer"]
        self._promises = Promises(desk, states=self._states)
        self._age = 1
        self._undone = 0
        self._acts: dict[Kind, Callable[[Operation], set[int]]] = {
            "apply": self._run,
            "rotate": self._run,
            "refresh lists": self._run,
            "kill controller": lambda one: self._at_step(one, "kill", {-9}),
            "interrupt": lambda one: self._at_step(one, "interrupt", {130}),
            "interrupt twice": lambda one: self._at_step(one, "interrupt-twice", {130}),
            "cut": lambda one: self._at_step(one, cutter(desk, one.cut), FAILED),
            "unplug": self._unplugged,
            "kill script": self._script_killed,
            "fill disk": self._full,
            "second controller": self._second,
        }

    def happens(self, operation: Operation, visitors: Visitors) -> None:
        """Do one thing, wait until the hosts are done with it, mend them, and check."""
        self._age += 1
        self._desk.write(hsts=self._age)
        try:
            self._acts[operation.kind](operation)
            disks = self._promises.settled()
        finally:
            mend(self._desk.hosts[name] for name in operation.hosts)
            self._desk.hosts[operation.victim].exec(["rm", "-f", FILLER])
        self._promises.check(visitors)
        runs = 2 if operation.kind == "second controller" else 1
        most = runs * (operation.serial or len(operation.hosts))
        count = promises.undone(disks.values()) - self._undone
        self._undone += count
        assert count <= most, f"P5: {count} hosts were undone, not {most}"

    def ends(self, visitors: Visitors) -> None:
        """Everything is well again: one apply converges, and the next finds nothing to do."""
        before = promises.issued(self._states[0])
        self._age += 1
        self._desk.write(hsts=self._age)
        first, second = (applied(self._desk).stdout for _ in range(2))
        self._promises.check(visitors)
        told = [outcomes(promises.said(one)) for one in (first, second)]
        assert set(told[0].values()) == {"changed"}, told[0]
        assert set(told[1].values()) == {"unchanged"}, told[1]
        assert promises.issued(self._states[0]) == before, "P8"

    def _arguments(self, operation: Operation) -> list[str]:
        """What is typed: a rotation, or an apply of what the inventory says now."""
        hosts = ",".join(operation.hosts)
        verb = ["rotate"] if operation.rotates else ["apply"]
        if operation.kind == "refresh lists":
            verb = ["rotate", "--what", "crl"]
        batches = ["--serial", str(operation.serial)] if operation.serial else []
        short = ["--confirm-timeout", CONFIRM_TIMEOUT] if operation.kind in LEFT_ALONE else []
        return [*verb, hosts, "--yes", *SECRETS, "-T", "5", *short, *batches]

    def _run(self, operation: Operation) -> set[int]:
        return self._ended(command(*self._arguments(operation)), {0})

    def _at_step(self, operation: Operation, act: str, expected: set[int]) -> set[int]:
        arguments = self._arguments(operation)
        typed = at_step(operation.step, operation.moment, operation.nth, act, *arguments)
        # With some hosts not wanting anything, a step may come less often than that.
        return self._ended(typed, expected | {0, 2})

    def _unplugged(self, operation: Operation) -> set[int]:
        self._desk.hosts[operation.victim].unplug()
        return self._ended(command(*self._arguments(operation)), {4})

    def _script_killed(self, operation: Operation) -> set[int]:
        moment = "before" if operation.moment == "begin" else "after"
        plan_a_kill(self._desk.hosts[operation.victim], operation.line, moment)
        return self._ended(command(*self._arguments(operation)), {2})

    def _full(self, operation: Operation) -> set[int]:
        victim = self._desk.hosts[operation.victim]
        victim.exec(["sh", "-c", f"cat /dev/zero >{FILLER} 2>/dev/null || true"])
        return self._ended(command(*self._arguments(operation)), FAILED)

    def _second(self, operation: Operation) -> set[int]:
        """
        Two controllers with a state each, at the same hosts at the same time.

        What both know is the same; test_older_state.py is about one that knows less.
        """
        colleague = self._desk.directory.with_name(f"colleague{operation.number}")
        shutil.copytree(self._desk.directory, colleague)
        self._states.append(colleague / ".deployer")
        both = [self._begun(command(*self._arguments(operation)), self._desk.directory)]
        try:
            apply = ("apply", ",".join(operation.hosts), "--yes", *SECRETS)
            both.append(self._begun(command(*apply), colleague))
            statuses = {one.wait(timeout=PATIENCE) for one in both}
        finally:
            for one in both:
                one.kill()
                one.communicate()
        assert statuses <= {0, 2, LOCKED}, statuses
        return statuses

    def _ended(self, typed: list[str], expected: set[int]) -> set[int]:
        """P11: a run ends within its time, in one of these ways."""
        done = subprocess.run(
            typed,
            cwd=self._desk.directory,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        said = f"{' '.join(typed[1:])}\n{done.stdout}\n{done.stderr}"
        assert done.returncode in expected, f"exit status {done.returncode}: {said}"
        assert "Traceback" not in done.stderr, said
        return {done.returncode}

    def _begun(self, typed: list[str], directory: Path) -> "subprocess.Popen[bytes]":
        null = subprocess.DEVNULL
        return subprocess.Popen(typed, cwd=directory, env=environment(), stdout=null, stderr=null)
