"""`deployer probe` and `deployer status`: looking, never touching."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.options import CONNECTING, INVENTORY, PASSPHRASE, TELLING, Common
from deployer.cli.sharing import shares

Pattern = Annotated[str, typer.Argument(help="hosts and groups, as Ansible writes them")]


@shares(*INVENTORY, *CONNECTING, *TELLING, *PASSPHRASE)
def probe(
    common: Common,
    pattern: Pattern = "all",
    identity: Annotated[
        Path | None,
        typer.Option(help="a directory of `client issue`, to knock with its certificate"),
    ] = None,
) -> None:
    """Shake hands with every site as a certified client, without a certificate, as a stranger."""
    from deployer.cli.host_session import HostSession
    from deployer.report import knocks
    from deployer.workflows.probe import exit_status, probe_all

    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        found, failed = probe_all(
            session.survey(),
            session.targets(pattern),
            session.operator(identity=identity),
        )
    (knocks.show_json if common.as_json else knocks.show)(found, failed)
    raise typer.Exit(exit_status(found, failed))


@shares(*INVENTORY, *CONNECTING, *TELLING)
def status(
    common: Common,
    pattern: Pattern = "all",
) -> None:
    """Show what every site really serves, until when, and what is wrong."""
    from deployer.cli.host_session import HostSession
    from deployer.report import statuses
    from deployer.workflows.status import exit_status, status_of

    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        found, failed = status_of(
            session.survey(),
            session.targets(pattern),
            session.operator(),
        )
    (statuses.show_json if common.as_json else statuses.show)(found, failed)
    raise typer.Exit(exit_status(found, failed))


@shares(*INVENTORY, *CONNECTING, *TELLING)
def trust(
    common: Common,
    pattern: Pattern = "all",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="record the keys without asking")
    ] = False,
) -> None:
    """Show the keys of hosts that are new, and record them in known_hosts."""
    from deployer.cli.asking import confirm
    from deployer.cli.host_session import HostSession
    from deployer.report import host_keys, results
    from deployer.result import exit_status
    from deployer.workflows import trusting

    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        ssh = session.connector.ssh
        failed = []
        for routes in trusting.stages(session.ways(pattern), ssh):
            shown, unreached = trusting.look(routes, ssh, forks=session.project.forks)
            (host_keys.show_json if common.as_json else host_keys.show)(shown)
            failed += [*unreached, *(trusting.refusal(one, ssh) for one in shown if one.is_wrong)]
            new = [one for one in shown if one.is_new]
            if new:
                keys = host_keys.counted(new)
                if not yes:
                    confirm(f"Record {keys}?", "nothing was recorded")
                trusting.record(new, ssh)
                host_keys.recorded(new, ssh.known_hosts(new[0].route).home)
    results.show_failures(failed)
    raise typer.Exit(exit_status(failed))


@shares(*INVENTORY, *CONNECTING)
def sudoers(common: Common, pattern: Pattern = "all") -> None:
    """Print the lines that let us become root, for /etc/sudoers.d of these hosts."""
    from deployer.cli.host_session import HostSession
    from deployer.report import console
    from deployer.workflows.sudoers import sudoers_of

    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        ways = [way for way in session.ways(pattern) if way.way != "local"]
        routes = [session.connector.ssh.route(way) for way in ways]
        console.data(sudoers_of(routes, user=common.become_user))
