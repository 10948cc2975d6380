"""`deployer cert`: every certificate that was ever issued."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from deployer.cli.asking import confirm
from deployer.cli.options import PASSPHRASE, ROOT_KEY, TELLING, Common
from deployer.cli.sharing import shares
from deployer.errors import UsageError

Serial = Annotated[str, typer.Argument(help="the serial number, or a beginning that is unique")]


@shares("state", *TELLING[1:])
def list_(
    common: Common,
    host: Annotated[str | None, typer.Option(help="issued for this host")] = None,
    name: Annotated[str | None, typer.Option(help="of this site or identity")] = None,
    kind: Annotated[str | None, typer.Option(help="server, client or authority")] = None,
    authority: Annotated[
        str | None, typer.Option(help="issued by this authority: root, servers or clients")
    ] = None,
    status: Annotated[
        str | None, typer.Option(help="valid, expired, revoked, abandoned or intended")
    ] = None,
    expires_within: Annotated[
        str | None, typer.Option(metavar="TIME", help="valid, and ends within this time: 30d, 12h")
    ] = None,
) -> None:
    """List the certificates on record; every filter that is given must match."""
    from deployer.cli.session import Session
    from deployer.report import certificates
    from deployer.store.records import CertificateState, Kind
    from deployer.workflows import choices
    from deployer.workflows.authorities import named

    kinds: dict[str, Kind] = {one: one for one in get_args(Kind)}
    with Session(common) as session:
        if authority is not None:
            named(session.store, authority)
        within = choices.lifetime(expires_within, "--expires-within") if expires_within else None
        found = session.store.certificates.list(
            host=host,
            name=name,
            kind=choices.one_of(kinds, kind, "--kind") if kind else None,
            authority=authority,
            state=choices.choice(CertificateState, status, "--status")
            if status
            else (CertificateState.VALID if within else None),
            expires_before=session.now + within if within else None,
            now=session.now,
        )
        (certificates.show_json if common.as_json else certificates.show)(found, session.now)


@shares("state", *TELLING[1:])
def show(
    common: Common,
    serial: Serial,
    pem: Annotated[
        bool, typer.Option("--pem", help="print the certificate and its issuers as PEM")
    ] = False,
) -> None:
    """Show one certificate: whom it names, what for, until when."""
    from deployer.cli.session import Session
    from deployer.report import certificates, console

    with Session(common) as session:
        store = session.store
        record = store.certificates.find(serial)
        issued = store.certificates.read(record.serial) if record.status == "issued" else None
        if pem:
            console.data((issued or store.certificates.read(record.serial)).fullchain_pem.decode())
            return
        shown = certificates.show_one_json if common.as_json else certificates.show_one
        shown(record, issued.certificate if issued else None, session.now)


@shares("state", *ROOT_KEY, *TELLING[1:], *PASSPHRASE)
def revoke(
    common: Common,
    serials: Annotated[
        list[str] | None, typer.Argument(help="serial numbers, or beginnings that are unique")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="a certificate of ours that is not on record, after a restore perhaps"),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="key-compromise, superseded, cessation …")
    ] = "unspecified",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Revoke certificates and publish the lists that say so."""
    from deployer.cli.session import Session
    from deployer.cli.taking_back import take_back
    from deployer.report import certificates, console
    from deployer.workflows import choices
    from deployer.workflows.revocation import Reason, found_in, revocable

    why = choices.choice(Reason, reason, "--reason")
    if not serials and file is None:
        raise UsageError("nothing says what to revoke", hint="deployer cert list")
    with Session(common) as session:
        meant = [session.store.certificates.find(one) for one in serials or ()]
        if file is not None:
            meant.append(found_in(file, session.store, now=session.now))
        records = [revocable(one, now=session.now) for one in meant]
        if not common.as_json:
            certificates.show(records, session.now)
        if not yes:
            confirm(f"revoke {len(records)}?", "nothing was revoked")
        take_back(session, records, why)
    for one in records:
        if one.kind == "authority":
            console.note(
                f"whatever {one.name} issued is refused once hosts know: deployer ca prepare "
                f"{one.name} makes its successor"
            )
