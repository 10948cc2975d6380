"""`deployer ca passphrase`, `backup`, `restore` and `verify-journal`: keeping the state safe."""

import re
from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.options import PASSPHRASE, TELLING, Common
from deployer.cli.sharing import shares
from deployer.errors import UsageError

STILL_READ = "another program reads the state: the old keys leave its journal when that ends"
_HEAD = re.compile("[0-9a-f]{64}")


@shares("state", *PASSPHRASE)
def passphrase(
    common: Common,
    new_file: Annotated[
        Path | None,
        typer.Option(
            "--new-passphrase-file", help="a file with the new passphrase on its first line"
        ),
    ] = None,
    new_command: Annotated[
        str | None,
        typer.Option("--new-passphrase-command", help="a command that prints the new passphrase"),
    ] = None,
) -> None:
    """Change the passphrase of every key in the state, all of them or none."""
    from deployer.cli.passphrase import Passphrase
    from deployer.cli.session import Session
    from deployer.report import console

    with Session(common) as session:
        old = session.passphrase.get()
        new = Passphrase(new_file, new_command, variable=None).choose()
        wiped = session.store.change_passphrase(old, new, now=session.now)
    if not wiped:
        console.note(STILL_READ, style="yellow")
    console.note("the passphrase was changed; backups and exported keys keep the old one")


@shares("state")
def backup(
    common: Common,
    file: Annotated[Path, typer.Argument(help="a new file, which holds the whole CA")],
) -> None:
    """Write a consistent copy of the state, also while others work with it."""
    from deployer.cli.session import Session
    from deployer.report import console

    with Session(common) as session:
        session.store.backup(file)
    console.data(str(file))


@shares("state")
def restore(
    common: Common,
    file: Annotated[Path, typer.Argument(help="what `deployer ca backup` wrote")],
) -> None:
    """Bring the state back from a backup, where there is none."""
    from deployer.cli.session import Session
    from deployer.report import console
    from deployer.store.state import Store

    with (
        Session(common) as session,
        Store.restore(file, session.project.state, now=session.now) as store,
    ):
        verdict = store.journal.verify()
    console.data(str(session.project.state))
    console.note(f"restored; the journal is whole, {verdict.events} events")
    console.note(
        "what was issued or revoked after the backup is not known here: deployer cert revoke "
        "--file CERTIFICATE revokes it again; then deployer ca crl --renew (a root whose key is "
        "elsewhere needs --root-key) and deployer apply"
    )


@shares("state", *TELLING[1:])
def verify_journal(
    common: Common,
    head: Annotated[
        str, typer.Option(help="a head that was printed before, which must still be part of it")
    ] = "",
) -> None:
    """Check that nobody changed the record of what the CA did."""
    from deployer.cli.session import Session
    from deployer.report import console

    if head and not _HEAD.fullmatch(head):
        raise UsageError("a head is 64 hexadecimal digits", hint="deployer ca verify-journal")
    with Session(common) as session:
        verdict = session.store.journal.verify(head=head)
    if common.as_json:
        console.json_line("journal", events=verdict.events, head=verdict.head)
    else:
        console.data(verdict.head)
        count = f"{verdict.events} event{'' if verdict.events == 1 else 's'}"
        console.note(f"{count}, whole; note the head elsewhere to prove it later")
