"""`deployer rollback`: hosts go back to a release that they keep."""

import re
from typing import Annotated

import typer

from deployer.cli.deployment import Check, ConfirmTimeout, Diff, Identity, Rerun, Yes
from deployer.cli.hosts import Pattern
from deployer.cli.options import CONNECTING, INVENTORY, ROLLS, TELLING, Common
from deployer.cli.sharing import shares
from deployer.errors import UsageError

_BEGINNING = re.compile(r"[0-9a-f]{1,20}(\.\d{0,4})?")


@shares(*INVENTORY, *CONNECTING, *ROLLS, *TELLING)
def rollback(
    common: Common,
    pattern: Pattern = "all",
    to: Annotated[
        str,
        typer.Option(
            help="the beginning of a release's name; without, the one before", metavar="ID"
        ),
    ] = "",
    yes: Yes = False,
    check: Check = False,
    diff: Diff = False,
    identity: Identity = None,
    confirm_timeout: ConfirmTimeout = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="also where clients would be turned away, or revoked ones let in"
        ),
    ] = False,
    rerun: Rerun = None,
) -> None:
    """Bring hosts back to a release that they keep; a dead Apache is started with it."""
    from deployer.cli.host_session import HostSession
    from deployer.cli.running import agreed, finished
    from deployer.report import rollbacks
    from deployer.result import exit_status
    from deployer.workflows.rollback import LookingBack, carry_out

    if to and not _BEGINNING.fullmatch(to):
        raise UsageError(
            f"--to {to}: that is not the name of a release", hint="deployer rollback --check"
        )
    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        targets = session.targets(pattern, ended=rerun)
        reason = f"rollback --to {to}" if to else "rollback"
        claimant = None if check else session.claim(reason)
        operator = session.operator(
            identity=identity, confirm_timeout=confirm_timeout, claimant=claimant
        )
        looking = LookingBack(
            session.executor, session.store, to=to, claimant=claimant, texts=diff, forced=force
        )
        seen = looking.at(targets, forks=operator.forks, listen=operator.listen)
        if common.as_json:
            rollbacks.show_json(seen, final=check)
        elif check or seen.changing or diff:
            rollbacks.show(seen, diff=diff, final=check)
        if check:
            raise typer.Exit(exit_status(seen.failed))
        if not yes:
            hint = "give --yes, or see deployer rollback --check"
            agreed(len(seen.changing), "roll back", "nothing was changed", hint=hint)
        status = finished(session, carry_out(seen, operator))
    raise typer.Exit(status)
