"""`deployer runs`: what was done on hosts, and what is under way there."""

from itertools import islice
from typing import Annotated

import typer

from deployer.cli.asking import confirm
from deployer.cli.deployment import Yes
from deployer.cli.hosts import Pattern
from deployer.cli.options import CONNECTING, INVENTORY, Common, shares

MOST = 20


@shares("state", "as_json")
def list_(
    common: Common,
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="so many of them")] = MOST,
) -> None:
    """List the last runs that were to change hosts, newest first."""
    from deployer.cli.session import Session
    from deployer.report import history
    from deployer.store.runs import Runs

    with Session(common) as session:
        found = tuple(islice(Runs(session.project.state).newest_first(), number))
    (history.show_json if common.as_json else history.show_list)(found)


@shares("state", "as_json")
def show(
    common: Common,
    run: Annotated[int | None, typer.Argument(help="its number; the last one without")] = None,
    host: Annotated[str | None, typer.Option(help="every step of this host")] = None,
) -> None:
    """Show what became of the hosts of a run, or every step of one of them."""
    from deployer.cli.session import Session
    from deployer.report import history
    from deployer.store.runs import NoSuchRun, Runs

    with Session(common) as session:
        runs = Runs(session.project.state)
        found = runs.last() if run is None else runs.read(run)
    if found is None:
        raise NoSuchRun("nothing has been applied yet with this state")
    if common.as_json:
        history.show_json([found])
    else:
        history.show(found, host)


@shares(*INVENTORY, *CONNECTING)
def unlock(common: Common, pattern: Pattern = "all", yes: Yes = False) -> None:
    """Show who holds hosts, and take those from a run that has died."""
    from deployer.cli.host_session import HostSession
    from deployer.report import console, leases, results
    from deployer.result import HostResult, exit_status
    from deployer.workflows.unlocking import broken, held

    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        targets, forks = session.targets(pattern), session.project.forks
        found, failed = held(session.survey(), targets, forks=forks, listen=session.listen)
        leases.show(found)
        if found and not yes:
            hosts = f"{len(found)} host{'' if len(found) == 1 else 's'}"
            hint = "give --yes when you are sure that these runs have ended"
            confirm(f"take {hosts} from them?", "nothing was changed", hint=hint)
        refused = list(failed)
        taken = broken(session.executor, found, forks=forks, listen=session.listen)
        for one, error in taken:
            if error is None:
                console.note(f"{one.name}: free; {one.holder} is refused from now on")
            else:
                refused.append(HostResult.of_error(one.name, error))
        results.show_failures(refused)
    raise typer.Exit(exit_status(refused))
