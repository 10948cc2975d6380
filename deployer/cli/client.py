"""`deployer client`."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.asking import confirm
from deployer.cli.options import PASSPHRASE, TELLING, Common
from deployer.cli.sharing import shares

SHARED = ("inventory", "state", *TELLING[1:])

Name = Annotated[str, typer.Argument(help="whom the certificate names")]
P12 = Annotated[
    bool, typer.Option("--p12", help="PKCS#12 files as well, for browsers, systems and Java")
]
Many = list[str] | None


@shares(*SHARED, *PASSPHRASE)
def issue(
    common: Common,
    name: Annotated[
        str | None,
        typer.Argument(help="whom the certificate names  [default: the CN of --csr]"),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="where its files go  [default: ./NAME]"),
    ] = None,
    p12: P12 = False,
    csr: Annotated[
        Path | None, typer.Option(help="certify the key of this signing request, and no new one")
    ] = None,
    email: Annotated[Many, typer.Option(help="an e-mail address; may be repeated")] = None,
    upn: Annotated[Many, typer.Option(help="a user principal name of Active Directory")] = None,
    dns: Annotated[Many, typer.Option(help="a DNS name or an address")] = None,
    uri: Annotated[Many, typer.Option(help="a URI, such as spiffe://…")] = None,
    lifetime: Annotated[str, typer.Option(help="90d, 12h …")] = "365d",
    key_type: Annotated[
        str | None, typer.Option(help="p-256, p-384, rsa-2048, ed25519 …  [default: p-256]")
    ] = None,
) -> None:
    """Issue a client certificate and write its files."""
    from deployer.cli.handing_over import hand_over
    from deployer.cli.host_session import HostSession
    from deployer.errors import UsageError
    from deployer.pki.keys import KeyType
    from deployer.report import console
    from deployer.workflows import choices
    from deployer.workflows.handover import file_name
    from deployer.workflows.holders import already_held
    from deployer.workflows.identities import read_request, wished

    if csr is not None and (p12 or key_type is not None):
        raise UsageError("--p12 and --key-type need a key of ours, and with --csr there is none")
    request = None if csr is None else read_request(csr)
    called = name or (request.common_name if request else "")
    if not called:
        raise UsageError("nothing says whom the certificate is to name", hint="give a NAME")
    wish = wished(
        called,
        emails=email or (),
        upns=upn or (),
        hosts=dns or (),
        uris=uri or (),
        lifetime=choices.lifetime(lifetime, "--lifetime"),
        key_type=choices.choice(KeyType, key_type or KeyType.P256.value, "--key-type"),
        request=request,
    )
    with HostSession(common) as session:
        if held := already_held(wish.name, session.store, now=session.now, meant=name is not None):
            console.note(held)
        hand_over(session, wish, directory or Path(file_name(wish.name)), with_pkcs12=p12)


@shares(*SHARED, *PASSPHRASE)
def renew(
    common: Common,
    name: Name,
    directory: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="where its files go  [default: ./NAME-DATE]"),
    ] = None,
    p12: P12 = False,
    revoke_old: Annotated[
        bool, typer.Option("--revoke-old", help="take back the certificates before it")
    ] = False,
    lifetime: Annotated[
        str | None, typer.Option(help="90d, 12h …  [default: as the last one]")
    ] = None,
    key_type: Annotated[
        str | None, typer.Option(help="p-256, ed25519 …  [default: as the last one]")
    ] = None,
) -> None:
    """Issue an identity anew: the same names, a new key. The old certificate stays valid."""
    from deployer.cli.handing_over import hand_over
    from deployer.cli.host_session import HostSession
    from deployer.cli.taking_back import take_back
    from deployer.pki.keys import KeyType
    from deployer.workflows import choices
    from deployer.workflows.handover import file_name
    from deployer.workflows.identities import wished_again
    from deployer.workflows.revocation import Reason, others_of

    kind = None if key_type is None else choices.choice(KeyType, key_type, "--key-type")
    length = None if lifetime is None else choices.lifetime(lifetime, "--lifetime")
    with HostSession(common) as session:
        wish = wished_again(name, session.store, lifetime=length, key_type=kind)
        # Beside the old files, which are in use until the new ones are in place.
        target = directory or Path(f"{file_name(wish.name)}-{session.now:%Y-%m-%d}")
        fresh = hand_over(session, wish, target, with_pkcs12=p12).issued.certificate
        if revoke_old:
            old = others_of(wish.name, session.store, than=fresh.serial_number, now=session.now)
            take_back(session, old, Reason.SUPERSEDED)


@shares("state", *TELLING[1:])
def list_(
    common: Common,
    expired: Annotated[
        bool, typer.Option("--expired", help="those whose last certificate has expired")
    ] = False,
    everybody: Annotated[
        bool, typer.Option("--all", help="everybody who ever had a certificate")
    ] = False,
) -> None:
    """List the identities that are let in, and until when."""
    from deployer.cli.session import Session
    from deployer.errors import UsageError
    from deployer.report import holders as report
    from deployer.workflows.holders import Which, holders

    if expired and everybody:
        raise UsageError("--all has those of --expired among them", hint="give one of the two")
    which = Which.EXPIRED if expired else Which.ALL if everybody else Which.VALID
    with Session(common) as session:
        found = holders(session.store, now=session.now, which=which)
        (report.show_json if common.as_json else report.show)(found)


@shares("state", *TELLING[1:], *PASSPHRASE)
def revoke(
    common: Common,
    name: Name,
    serial: Annotated[
        str, typer.Option(metavar="PREFIX", help="only the certificate that begins so")
    ] = "",
    reason: Annotated[
        str,
        typer.Option(
            help="key-compromise, affiliation-changed, superseded, cessation, "
            "privilege-withdrawn or unspecified"
        ),
    ] = "unspecified",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Take back every valid certificate of an identity."""
    from deployer.cli.session import Session
    from deployer.cli.taking_back import take_back
    from deployer.report import holders
    from deployer.workflows.choices import choice
    from deployer.workflows.revocation import Reason, valid_of

    why = choice(Reason, reason, "--reason")
    with Session(common) as session:
        found = valid_of(name, session.store, now=session.now, prefix=serial)
        if not common.as_json:
            holders.show_certificates(found)
        if not yes:
            confirm(f"revoke {len(found)} of {name}?", "nothing was revoked")
        take_back(session, found, why)


@shares("state")
def export(
    common: Common,
    name: Name,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", help="write it to this file")
    ] = None,
) -> None:
    """Print the newest certificate of an identity and its issuers as PEM; keys are not kept."""
    from deployer.cli.session import Session
    from deployer.report import console
    from deployer.workflows.identities import newest_of
    from deployer.workflows.writing import write_private

    with Session(common) as session:
        chain = newest_of(name, session.store).fullchain_pem
        if file is None:
            console.data(chain.decode())
        else:
            write_private(file, chain)
            console.data(str(file))
        console.note("the key is not in it: it is kept nowhere but with its owner")
