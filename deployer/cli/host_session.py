"""A run that speaks of hosts: the inventory, who is at work, and the connections."""

import getpass
import os
import socket
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from deployer import __version__
from deployer.apache.rendering import Templates
from deployer.cli import interrupts, streams
from deployer.cli.course import Course
from deployer.cli.passphrases import with_passphrases
from deployer.cli.session import Session
from deployer.errors import UsageError
from deployer.fleet.descriptors import make_room
from deployer.fleet.executor import Executor
from deployer.fleet.processes import Processes
from deployer.fleet.threads import Threads
from deployer.fleet.workplace import Workplace
from deployer.probe.handshake import Identity
from deployer.report import console, results
from deployer.result import Event, HostResult, Listener, exit_status
from deployer.rolling import Strategy, seconds, serial
from deployer.spec.connection import Connection, Defaults
from deployer.store.lock import held
from deployer.store.runs import Past, Recorder, Runs
from deployer.workflows.account import login_name
from deployer.workflows.around import Around
from deployer.workflows.claims import WAIT_HINT, Claimant, origin_of
from deployer.workflows.clients import read_identity
from deployer.workflows.connecting import Connector
from deployer.workflows.own_templates import templates_of
from deployer.workflows.preview import Operator, Preview
from deployer.workflows.saved import Saved
from deployer.workflows.survey import Renewed, Survey, Target
from deployer.workflows.targets import targets
from deployer.workflows.ways import ways

RUN_LOCK = "run.lock"
FINISHING = "finishing the hosts in flight, and beginning no other; once more stops at once"
STOPPING = "stopped; what was begun on a host it finishes or undoes by itself: deployer status"


class HostSession(Session):
    """What a command works with that concerns hosts."""

    @cached_property
    def templates(self) -> Templates:
        """What the Apache files are rendered from."""
        return templates_of(self.project.root)

    recorder: Recorder | None = None
    """What writes down this run, if it changes hosts."""

    course: Course | None = None
    """The same run, from before its beginning to after its end."""

    @cached_property
    def listen(self) -> Listener:
        """Where the events of this run go."""
        tell = results.listener(as_json=self.common.as_json, verbose=self.common.verbose)
        recorder = self.recorder
        if recorder is None:
            return tell

        def listen(event: Event) -> None:
            recorder.step(event)
            tell(event)

        return listen

    @cached_property
    def defaults(self) -> Defaults:
        """What the command line says about the ways to hosts; passwords are asked for once."""
        common, project = self.common, self.project
        method = common.become_method
        return Defaults(
            way=common.transport or project.transport,
            user=common.user,
            password=getpass.getpass("SSH password: ") if common.ask_pass else None,
            private_key_file=common.private_key,
            become=common.become,
            become_method=method,
            become_user=common.become_user,
            become_password=getpass.getpass(f"{method} password: ")
            if common.ask_become_pass
            else None,
            ssh_common_args=common.ssh_common_args,
            ssh_extra_args=common.ssh_extra_args,
            config_file=common.ssh_config or project.ssh_config,
        )

    def targets(
        self, pattern: str, *, ended: Literal["failed", "unreachable"] | None = None
    ) -> tuple[Target, ...]:
        """
        Select the hosts of a pattern that serve something, with the ways to them.

        With `ended` only those that ended so in the last run that came to hosts. Raises
        `UsageError` where canaries were named, and none of them is among these.
        """
        found = targets(self.hosts(pattern), self.defaults)
        if ended is not None:
            past = Runs(self.project.state).newest_first()
            last = next((one for one in past if one.was_carried_out), None)
            again = last.ended(ended) if last else frozenset()
            found = tuple(target for target in found if target.name in again)
            if not found:
                console.note(f"no host ended {ended} in the last run that came to any")
        if self.common.canary and found:
            self._check_canaries({target.name for target in found})
        make_room(len(found))
        opened = with_passphrases([target.connection for target in found])
        return tuple(
            replace(target, connection=way) for target, way in zip(found, opened, strict=True)
        )

    def ways(self, pattern: str) -> tuple[Connection, ...]:
        """Select the hosts of a pattern, whatever they serve, and return the ways to them."""
        found = ways(self.hosts(pattern), self.defaults)
        make_room(len(found))
        return found

    @cached_property
    def connector(self) -> Connector:
        """The connections of this run."""
        return Connector(self.project.known_hosts, timeout=self.common.timeout)

    @cached_property
    def executor(self) -> Executor:
        """What does the work on hosts, until the session ends."""
        forks, count = self.project.forks, self.common.processes
        executor: Executor = (
            Threads(Workplace(self.connector), forks=forks)
            if count == 1
            else Processes(count, lambda: Workplace(self.connector), forks=forks)
        )
        self._open.callback(executor.close)
        return executor

    @cached_property
    def strategy(self) -> Strategy:
        """How this run goes through its hosts."""
        common = self.common
        return Strategy(
            serial=serial(common.serial) if common.serial else (),
            canaries=frozenset(host.name for host in self.hosts(common.canary))
            if common.canary
            else frozenset(),
            order=common.order,
            seed=int(self.now.timestamp()),
            soak=seconds(common.soak) if common.soak else 0,
            max_fail_percentage=common.max_fail_percentage,
            max_fail=common.max_fail,
            any_errors_fatal=common.any_errors_fatal,
            rollback_scope=common.rollback_scope,
        )

    def _check_canaries(self, names: AbstractSet[str]) -> None:
        """Refuse a run in which no canary would come first."""
        if names.isdisjoint(self.strategy.canaries):
            raise UsageError(
                f"--canary {self.common.canary}: none of these hosts is in this run",
                hint="name hosts of the run that serve something, or leave it out",
            )

    def survey(
        self,
        *,
        texts: bool = False,
        claimant: Claimant | None = None,
        installs: bool = False,
        anew: Collection[Renewed] = (),
        hangs_up: bool = False,
    ) -> Survey:
        """Say how hosts are looked at."""
        return Survey(
            self.executor,
            self.store,
            self.templates,
            now=self.now,
            root=self.project.root,
            texts=texts,
            claimant=claimant,
            installs=installs,
            anew=anew,
            hangs_up=hangs_up,
        )

    def claim(self, reason: str) -> Claimant:
        """
        Begin a run that changes hosts, and have the state for itself until the session ends.

        Raises `Locked` when another run has it for longer than `--lock-timeout`.
        """
        state = self.project.state
        patience = seconds(self.common.lock_timeout) if self.common.lock_timeout else 0
        who = f"{login_name() or f'uid {os.getuid()}'}@{socket.gethostname()}"
        lock = held(state / RUN_LOCK, timeout=patience, who=f"{who}: {reason}", hint=WAIT_HINT)
        self.store  # noqa: B018 - there must be one, before a lock is left where none belongs
        self._open.enter_context(lock)
        runs = Runs(state)
        if (left := runs.close_cut_off()) is not None:
            console.note(_told(left), style="yellow")
        runs.forget(keep=self.project.keep_runs)
        self.recorder = self._open.enter_context(
            runs.begin(command=reason, operator=who, version=__version__)
        )
        self.course = self._open.enter_context(
            Course(
                self.project,
                self.recorder,
                command=reason,
                operator=who,
                listen=self.listen,
                say=console.note if self.common.verbose else _unsaid,
            )
        )
        self.course.begin()
        return Claimant(
            holder=f"{who}, run {self.recorder.number}: {reason}, with deployer {__version__}",
            origin=origin_of(state),
            patience=patience,
        )

    def ended(self, done: Sequence[HostResult]) -> int:
        """Close the record of this run, and return the exit status that it ends with."""
        status = exit_status(done)
        return self.course.end(status) if self.course else status

    def halted(self) -> str:
        """Say why nothing more may begin: what happens could not be told, now or later."""
        interrupted = "interrupted" if interrupts.have_come() else ""
        broken = self.recorder.broken if self.recorder else ""
        return streams.trouble() or broken or interrupted

    def save(self, seen: Preview, pattern: str, file: Path) -> None:
        """Write a plan to a file, for `apply FILE`."""
        Saved.of(seen, pattern=pattern, limit=self.common.limit, now=self.now).write(file)
        console.note(f"saved: deployer apply {file} does this, or nothing")

    def operator(
        self,
        *,
        identity: Path | None = None,
        confirm_timeout: int | None = None,
        anew: Collection[Renewed] = (),
        claimant: Claimant | None = None,
        overwrites_drift: bool = True,
        takes_over: bool = True,
    ) -> Operator:
        """Say who is at work, and with which keys."""
        return Operator(
            store=self.store,
            templates=self.templates,
            unlock=self.unlock,
            foresee=self.foresee if claimant else lambda _: None,
            may_unlock=self.passphrase.at_hand,
            identity=self.identity(identity),
            now=self.now,
            executor=self.executor,
            forks=self.project.forks,
            confirm_timeout=confirm_timeout,
            listen=self.listen,
            strategy=self.strategy,
            anew=anew,
            claimant=claimant or Claimant(),
            overwrites_drift=overwrites_drift,
            takes_over=takes_over,
            halted=self.halted,
            around=self.course.around if self.course else Around(),
            stopping=lambda: interrupts.deferred(FINISHING, STOPPING),
        )

    def identity(self, directory: Path | None) -> Identity | None:
        """Read the identity that was named, if one was."""
        return read_identity(directory, self.store, now=self.now) if directory else None


def _unsaid(_: str) -> None:
    """Keep what a hook prints to ourselves."""


def _told(left: Past) -> str:
    hosts = ", ".join(left.in_flight) or "no host"
    return (
        f"run {left.number} ({left.command}, by {left.operator}) was cut off with {hosts} in "
        "flight: what it left there is undone first"
    )
