"""`deployer render`, `plan`, `apply` and `rotate`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from deployer.cli.hosts import Pattern
from deployer.cli.options import CONNECTING, INVENTORY, PASSPHRASE, RECALLS, ROLLS, TELLING, Common
from deployer.cli.sharing import shares
from deployer.errors import UsageError
from deployer.result import CHANGES_PENDING

ROTATES_IN = "1,20%"
"""The batches of a rotation for which nothing else was said."""

Renewed = Literal["leaf", "crl"]


Diff = Annotated[bool, typer.Option("-D", "--diff", help="show what changes in Apache's files")]
DetailedExitCode = Annotated[
    bool, typer.Option("--detailed-exitcode", help="exit with 2 when there are changes")
]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Check = Annotated[bool, typer.Option("-C", "--check", help="only say what would be done")]
Identity = Annotated[
    Path | None,
    typer.Option(help="a directory of `client issue`, to prove that clients get in"),
]
ConfirmTimeout = Annotated[
    int | None,
    typer.Option(min=1, help="seconds after which a host undoes an unconfirmed switch"),
]

OverwriteDrift = Annotated[
    bool,
    typer.Option(
        "--overwrite-drift",
        help="replace what somebody edited on a host, or what another host had there",
    ),
]

Rerun = Annotated[
    Literal["failed", "unreachable"] | None,
    typer.Option("--rerun", help="only hosts that ended so in the last run that came to any"),
]


@shares(*INVENTORY)
def render(
    common: Common,
    pattern: Pattern = "all",
    directory: Annotated[
        Path | None, typer.Option("-o", "--output", help="write the files below this directory")
    ] = None,
    diff: Annotated[
        bool, typer.Option("-D", "--diff", help="show what differs from the last deployment")
    ] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="exit with 2 when something differs from it")
    ] = False,
) -> None:
    """Render the virtual hosts offline: no connection, and no key of the CA."""
    from deployer.cli.host_session import HostSession
    from deployer.report import trees
    from deployer.workflows.render import render_all, write

    with HostSession(common) as session:
        if common.list_hosts:
            session.name_hosts(pattern)
            return
        rendered = render_all(
            session.hosts(pattern),
            session.store,
            session.templates,
            root=session.project.root,
            now=session.now,
        )
        written = write(rendered, directory) if directory else ()
        if diff:
            trees.show_differences(rendered)
        elif directory:
            trees.show_paths(written)
        else:
            trees.show(rendered)
    if detailed_exitcode and any(one.differs for one in rendered):
        raise typer.Exit(CHANGES_PENDING)


@shares(*INVENTORY, *CONNECTING, *TELLING)
def plan(
    common: Common,
    pattern: Pattern = "all",
    diff: Diff = False,
    detailed_exitcode: DetailedExitCode = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="save the plan, for `apply FILE`")
    ] = None,
) -> None:
    """Say what apply would do. Changes nothing, anywhere."""
    from deployer.cli.running import run

    run(common, pattern, diff=diff, check=True, detailed_exitcode=detailed_exitcode, output=output)


@shares(*INVENTORY, *CONNECTING, *ROLLS, *RECALLS, *TELLING, *PASSPHRASE)
def apply(
    common: Common,
    pattern: Annotated[
        str, typer.Argument(help="hosts, as Ansible names them, or a saved plan")
    ] = "all",
    yes: Yes = False,
    check: Check = False,
    diff: Diff = False,
    detailed_exitcode: DetailedExitCode = False,
    install: Annotated[
        bool,
        typer.Option("--install", help="install Apache and mod_ssl first where they are missing"),
    ] = False,
    identity: Identity = None,
    confirm_timeout: ConfirmTimeout = None,
    overwrite_drift: OverwriteDrift = False,
    rerun: Rerun = None,
) -> None:
    """Bring every host to its release: rehearse, switch, prove, or undo."""
    from deployer.cli.running import run
    from deployer.workflows import saved

    if (plan := saved.read(Path(pattern))) is not None:
        if common.limit is not None or rerun is not None:
            raise UsageError("a saved plan names its hosts itself: --limit and --rerun cannot be")
        # Whoever saved it has seen it.
        common, pattern, yes = replace(common, limit=plan.limit), plan.pattern, True
    run(
        common,
        pattern,
        saved=plan,
        diff=diff,
        check=check,
        detailed_exitcode=detailed_exitcode,
        yes=yes,
        install=install,
        identity=identity,
        confirm_timeout=confirm_timeout,
        overwrite_drift=overwrite_drift,
        rerun=rerun,
    )


@shares(*INVENTORY, *CONNECTING, *ROLLS, *RECALLS, *TELLING, *PASSPHRASE)
def rotate(
    common: Common,
    pattern: Pattern = "all",
    what: Annotated[
        Literal["leaf", "crl"],
        typer.Option("--what", help="certificates with new keys, or revocation lists alone"),
    ] = "leaf",
    yes: Yes = False,
    check: Check = False,
    identity: Identity = None,
    confirm_timeout: ConfirmTimeout = None,
    overwrite_drift: OverwriteDrift = False,
    rerun: Rerun = None,
) -> None:
    """Issue certificates again, with new keys, and bring them to the hosts batch by batch."""
    from deployer.cli.running import run

    run(
        # One host first: what is wrong with a new certificate is wrong with all of them.
        common if common.serial or common.canary else replace(common, serial=ROTATES_IN),
        pattern,
        diff=False,
        check=check,
        detailed_exitcode=False,
        yes=yes,
        identity=identity,
        confirm_timeout=confirm_timeout,
        overwrite_drift=overwrite_drift,
        anew=(what,),
        rerun=rerun,
    )
