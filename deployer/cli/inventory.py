"""`deployer inventory check`: advice on what is written, before anybody is connected to."""

import typer

from deployer.cli.hosts import Pattern
from deployer.cli.options import INVENTORY, Common, shares


@shares(*INVENTORY, "as_json")
def check(
    common: Common,
    pattern: Pattern = "all",
) -> None:
    """Say what is wrong or dangerous in the inventory: offline, and 1 on errors."""
    from deployer.advice.finding import Severity
    from deployer.cli.host_session import HostSession
    from deployer.report import findings
    from deployer.store.faults import NoState
    from deployer.workflows.inspection import inspect

    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        hosts = session.hosts(pattern)
        try:
            store = session.store
        except NoState:
            store = None  # and nothing to say about authorities of ours
        found = inspect(hosts, store, root=session.project.root, now=session.now)
    if common.as_json:
        findings.show_json(found)
    else:
        findings.show(found, hosts=len(hosts))
    if any(one.severity is Severity.ERROR for one in found):
        raise typer.Exit(1)
