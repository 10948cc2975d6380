"""
Around: the project's own commands before and after a run, its batches and its hosts.

What a `before_` command refuses does not begin. Where one was run, its `after_` command follows,
whatever happened: what the first has half done is for the second to put right.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from deployer.errors import DeployerError, StepFailed
from deployer.fleet.hook import run_hook
from deployer.result import Event, HostResult, Listener, Outcome, Step
from deployer.workflows.settings import Hooks

THE_CONTROLLER = "controller"
VARIABLES = "DEPLOYER_"
_SECRET = "DEPLOYER_CA_PASSPHRASE"  # noqa: S105 - the name of a variable, which is taken away
TOLD = frozenset({"RUN", "COMMAND", "OPERATOR", "HOOK", "BATCH", "HOST", "OUTCOME", "STATUS"})
"""What a command can be told, in variables with that beginning."""
_WELL = frozenset({Outcome.CHANGED, Outcome.UNCHANGED})
DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A command of the project that failed."""

    hook: str
    host: str
    """The host that it was run for; the controller where it was for a batch, or for the run."""
    problem: str

    def __str__(self) -> str:
        return f"{self.host}: {self.hook} {self.problem}"


def _silent(_: object) -> None:
    """Tell nobody."""


class Around:
    """The commands around one run, and how they ended."""

    def __init__(
        self,
        hooks: Hooks | None = None,
        *,
        directory: Path | None = None,
        facts: Mapping[str, str] | None = None,
        listen: Listener = _silent,
        say: Callable[[str], None] = _silent,
    ) -> None:
        """
        Run commands in a directory.

        `facts` is what all of them are told, by the name of the variable without its beginning;
        `say` is told each line that they print.
        """
        self._hooks = hooks or Hooks()
        self._directory = directory or Path()
        self._facts = dict(facts or {})
        self._listen = listen
        self._say = say
        self._batch = 0
        self._lock = Lock()
        self._failures: list[Failure] = []

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The commands that failed, in the order in which they ended."""
        with self._lock:
            return tuple(self._failures)

    def begin_run(self) -> None:
        """Run what comes before the run; raise when it must not begin."""
        if problem := self._run("before_run"):
            hint = "nothing was touched; before_run in deployer.toml decides"
            raise DeployerError(problem, hint=hint)

    def end_run(self, results: Collection[HostResult], *, status: int, outcome: str) -> None:
        """Run what comes after the run."""
        told = [f"{one.host} {one.outcome.value}" for one in results]
        self._run("after_run", told=told, OUTCOME=outcome, STATUS=str(status))

    def begin_batch(self, names: Sequence[str]) -> str:
        """Run what comes before a batch; say why its hosts must not begin, if that is so."""
        self._batch += 1
        return self._run("before_batch", told=names, BATCH=str(self._batch))

    def end_batch(self, outcomes: Mapping[str, Outcome]) -> str:
        """Run what comes after the batch; say why no other must begin, if that is so."""
        told = [f"{name} {outcome.value}" for name, outcome in outcomes.items()]
        outcome = DONE if _WELL.issuperset(outcomes.values()) else FAILED
        return self._run("after_batch", told=told, BATCH=str(self._batch), OUTCOME=outcome)

    @property
    def hosts(self) -> bool:
        """Whether there is a command before or after each host."""
        return bool(self._hooks.before_host or self._hooks.after_host)

    def is_adrift(self, host: str) -> bool:
        """Say whether the command after a host failed: it may not be back in service."""
        return any(one.hook == "after_host" and one.host == host for one in self.failures)

    def host(self, name: str, work: Callable[[], HostResult]) -> HostResult:
        """
        Do the work on a host between its two commands.

        Raises what the work raises, and `StepFailed` when the first command refuses it.
        """
        outcome = Outcome.UNKNOWN
        batch = str(self._batch)
        try:
            if problem := self._run("before_host", host=name, told=[name], BATCH=batch):
                hint = "nothing was switched there; before_host in deployer.toml decides"
                raise StepFailed(name, Step.HOOK, problem, hint=hint)
            result = work()
            outcome = result.outcome
        except DeployerError as error:
            outcome = HostResult.of_error(name, error).outcome
            raise
        else:
            return result
        finally:
            told = [f"{name} {outcome.value}"]
            self._run("after_host", host=name, told=told, BATCH=batch, OUTCOME=outcome.value)

    def _run(self, hook: str, *, host: str = "", told: Sequence[str] = (), **facts: str) -> str:
        """Run a command, if there is one; say what was wrong with it."""
        argv = self._hooks.command(hook)
        if not argv:
            return ""
        who = host or THE_CONTROLLER
        self._listen(Event(host=who, step=Step.HOOK, ended=False, detail=hook))
        here = {"HOST": host} if host else {}
        ran = run_hook(
            argv,
            directory=self._directory,
            environment=environment(os.environ, {**self._facts, "HOOK": hook, **here, **facts}),
            told=told,
            timeout=self._hooks.timeout,
        )
        words = ran.problem or ran.last_words
        detail = f"{hook}: {words}" if words else hook
        self._listen(Event(host=who, step=Step.HOOK, ended=True, detail=detail))
        for line in ran.output.splitlines():
            self._say(f"  {who}  {hook}: {line}")
        if not ran.problem:
            return ""
        with self._lock:
            self._failures.append(Failure(hook=hook, host=who, problem=ran.problem))
        return f"{hook} {ran.problem}"


def environment(ours: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment of a command: ours, what it is told, and not our passphrase.

    Nor what another run has told us, when we were started by a command of its.
    """
    away = {_SECRET, *(f"{VARIABLES}{name}" for name in TOLD)}
    kept = {name: value for name, value in ours.items() if name not in away}
    return kept | {f"{VARIABLES}{name}": value for name, value in facts.items()}
