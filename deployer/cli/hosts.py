"""`deployer probe` and `deployer status`: looking, never touching."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.options import CONNECTING, INVENTORY, PASSPHRASE, TELLING, Common, shares

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
