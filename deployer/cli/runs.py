"""`deployer runs`: what is under way on hosts."""

import typer

from deployer.cli.asking import confirm
from deployer.cli.deployment import Yes
from deployer.cli.hosts import Pattern
from deployer.cli.options import CONNECTING, INVENTORY, Common, shares


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
        for one, error in broken(found, forks=forks):
            if error is None:
                console.note(f"{one.name}: free; {one.holder} is refused from now on")
            else:
                refused.append(HostResult.of_error(one.name, error))
        results.show_failures(refused)
    raise typer.Exit(exit_status(refused))
