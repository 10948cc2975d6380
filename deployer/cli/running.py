"""One run over hosts, as `plan`, `apply` and `rotate` make it: look, show, ask, do, tell."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

import typer

from deployer.cli.asking import confirm
from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.report import plans, results
from deployer.result import CHANGES_PENDING, HostResult, exit_status
from deployer.rolling import Strategy
from deployer.workflows.apply import carry_out_all
from deployer.workflows.preview import Preview, previews
from deployer.workflows.saved import Saved
from deployer.workflows.survey import Renewed

LULL = 2.0
"""Seconds in which no other host has answered: then those that have go on without the rest."""


def run(
    common: Common,
    pattern: str,
    *,
    diff: bool,
    check: bool,
    detailed_exitcode: bool,
    yes: bool = False,
    install: bool = False,
    identity: Path | None = None,
    confirm_timeout: int | None = None,
    overwrite_drift: bool = False,
    anew: Collection[Renewed] = (),
    rerun: Literal["failed", "unreachable"] | None = None,
    output: Path | None = None,
    saved: Saved | None = None,
) -> None:
    """
    Bring the hosts of a pattern to their releases, or with `check` only say what that would do.

    The other arguments are the options of these commands. Raises `typer.Exit` with the status.
    """
    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        targets = session.targets(pattern, ended=rerun)
        reason = " ".join(("rotate", *anew) if anew else ("apply",))
        claimant = None if check else session.claim(reason)
        operator = session.operator(
            identity=identity,
            confirm_timeout=confirm_timeout,
            anew=anew,
            claimant=claimant,
            overwrites_drift=check or overwrite_drift,
            takes_over=overwrite_drift,
        )
        survey = session.survey(
            texts=diff,
            claimant=claimant,
            installs=install and not check,
            anew=anew,
            hangs_up=check,
        )
        # Nobody waits for a dead host, unless it matters to the others, or to whoever is asked.
        goes_on = yes and saved is None and not (check or _matters(operator.strategy))
        shown: list[Preview] = []

        def waves() -> Iterator[Preview]:
            for seen in previews(survey, targets, operator, lull=LULL if goes_on else None):
                shown.append(seen)
                _show(seen, common, diff=diff, check=check)
                if saved is not None:
                    saved.check(seen)
                if output is not None:
                    session.save(seen, pattern, output)
                if not (check or yes):
                    _ask(seen, installed=install)
                yield seen

        wave = waves()
        first = next(wave)  # what keeps a run from beginning does so before anything else is told
        if check:
            status = exit_status(first.failed)
        else:
            status = finished(session, carry_out_all(chain([first], wave), operator))
    changing = any(seen.changing for seen in shown)
    raise typer.Exit(status or (CHANGES_PENDING if detailed_exitcode and changing else 0))


def _matters(strategy: Strategy) -> bool:
    """Say whether all hosts must be known before the first is touched."""
    return strategy.rolls or strategy.minds_failures


def _show(seen: Preview, common: Common, *, diff: bool, check: bool) -> None:
    if common.as_json:
        plans.show_json(seen, final=check)
    elif check or seen.changing or diff:
        plans.show(seen, diff=diff, final=check)


def _ask(seen: Preview, *, installed: bool) -> None:
    """Go on when the operator agrees, or when there is nothing to agree to."""
    left = "nothing was switched" if installed else "nothing was changed"
    agreed(len(seen.changing), "change", left, hint="give --yes, or see deployer plan")


def agreed(count: int, verb: str, left: str, *, hint: str) -> None:
    """Go on when the operator agrees to do something to so many hosts; with none, at once."""
    if count:
        confirm(f"{verb} {count} host{'' if count == 1 else 's'}?", left, hint=hint)


def finished(session: HostSession, ending: Iterable[HostResult]) -> int:
    """Show what becomes of hosts once all have ended, and return the exit status."""
    done: dict[str, HostResult] = {}
    try:
        for result in ending:
            # What is said of a host last counts: it may have been brought back.
            done[result.host] = result
            if session.recorder is not None:
                session.recorder.host(result)
    finally:
        # Interrupted or not: nobody is left guessing which hosts were changed.
        told = tuple(done.values())
        (results.show_json if session.common.as_json else results.show)(told)
    return session.ended(tuple(done.values()))
