"""
Course: a run that changes hosts, from its beginning on record to the last that hear of its end.

However it ends, unless it is killed or stopped by a second signal: the project's own command comes
after it, its end is on record, and its webhook is told.
"""

import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from deployer import __version__
from deployer.cli import interrupts
from deployer.cli.streams import NobodyReads
from deployer.errors import DeployerError, Locked
from deployer.report import console, summaries
from deployer.result import Listener, exit_status
from deployer.store.runs import Recorder
from deployer.workflows.around import Around
from deployer.workflows.project import Project
from deployer.workflows.reading import others_may_read, read_file
from deployer.workflows.settings import Notify

SOME_FAILED = 2
DONE, FAILED, REFUSED, INTERRUPTED = "done", "failed", "refused", "interrupted"
_WAITING = "waiting for a hook to end, and beginning nothing; once more stops at once"
_STOPPED = "stopped; a hook that is at work is left alone, and nobody is told of this run"
_TELLING = "telling the webhook of this run; once more stops at once"


class Course:
    """One run: what its hosts became is noted by its recorder, and its end here."""

    def __init__(
        self,
        project: Project,
        recorder: Recorder,
        *,
        command: str,
        operator: str,
        listen: Listener,
        say: Callable[[str], None],
    ) -> None:
        self._project = project
        self._recorder = recorder
        self._command = command
        self._operator = operator
        self._began = datetime.now(UTC)
        self._over = False
        self.around = Around(
            project.hooks,
            directory=project.root,
            facts={"RUN": str(recorder.number), "COMMAND": command, "OPERATOR": operator},
            listen=listen,
            say=say,
        )
        """The commands of the project around this run."""

    def begin(self) -> None:
        """Run what comes before everything else; raise when nothing must begin."""
        with interrupts.deferred(_WAITING, _STOPPED) as stop:
            self.around.begin_run()
            if stop.is_up:
                raise KeyboardInterrupt

    def end(self, status: int, *, outcome: str = "", ending: str = "") -> int:
        """End the run, once, and return the exit status that it ends with."""
        if self._over:
            return status
        self._over = True
        if interrupts.have_come():
            status, outcome, ending = interrupts.exit_status(), INTERRUPTED, INTERRUPTED
        outcome = outcome or (FAILED if status else DONE)
        with interrupts.deferred(_WAITING, _STOPPED):
            results = self._recorder.results.values()
            self.around.end_run(results, status=status, outcome=outcome)
        if self._has_trouble() and status in {0, Locked.exit_code}:
            status, outcome = SOME_FAILED, FAILED
        self._recorder.end(ending or f"status {status}", refused=outcome == REFUSED)
        with interrupts.deferred(_TELLING, _STOPPED):
            self._tell(status, outcome)
        return status

    def _has_trouble(self) -> bool:
        """Say what went wrong beside the hosts themselves, and whether anything did."""
        for failure in self.around.failures:
            if failure.hook.startswith("after"):  # what one before has stopped was told already
                console.failure(str(failure), "it did what comes after; this is for you to finish")
        if self._recorder.broken:
            place = self._project.state
            hint = f"make room: df {place}; hosts that were not begun have what they had"
            console.failure(self._recorder.broken, hint)
        return bool(self.around.failures or self._recorder.broken)

    def _tell(self, status: int, outcome: str) -> None:
        """Tell the webhook; when that fails, whoever is here is told so, and no more."""
        notify = self._project.notify
        if not notify.webhook:
            return
        from deployer.fleet.webhook import post

        facts = summaries.summary(
            number=self._recorder.number,
            command=self._command,
            operator=self._operator,
            began=self._began,
            ended=datetime.now(UTC),
            status=status,
            outcome=outcome,
            results=self._recorder.results.values(),
            failures=self.around.failures,
        )
        try:
            headers = {"User-Agent": f"deployer/{__version__}", **_header(notify, self._project)}
            post(notify.webhook, facts, headers=headers, timeout=notify.timeout)
        except DeployerError as problem:
            console.note(f"warning: {problem.message}", style="yellow")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        match error:
            case None:
                self.end(exit_status(self._recorder.results.values()))
            case DeployerError():
                self.end(error.exit_code, outcome=REFUSED, ending=error.message)
            case NobodyReads():
                self.end(128 + signal.SIGPIPE, ending="nobody read what it said")
            case _:
                self.end(DeployerError.exit_code, ending=type(error).__name__)


def _header(notify: Notify, project: Project) -> dict[str, str]:
    """Read the header that a webhook wants, from the first line of a file."""
    if not notify.header_file:
        return {}
    file = project.root / Path(notify.header_file).expanduser()
    lines = read_file(file).decode("latin-1").splitlines()
    if others_may_read(file):
        console.note(f"others may read {file}: chmod 600 {file}", style="yellow")
    name, colon, value = (lines or [""])[0].partition(":")
    if not colon or not name.strip() or not value.strip():
        raise DeployerError(f"the first line of {file} is no header: it needs Name: value")
    return {name.strip(): value.strip()}
