"""`deployer client`."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.options import PASSPHRASE, TELLING, Common, shares


@shares("state", *TELLING[1:], *PASSPHRASE)
def issue(
    common: Common,
    name: Annotated[str, typer.Argument(help="whom the certificate names")],
    directory: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="where its files go  [default: ./NAME]"),
    ] = None,
    p12: Annotated[
        bool, typer.Option("--p12", help="a PKCS#12 file as well, for a browser")
    ] = False,
    email: Annotated[str | None, typer.Option(help="an e-mail address to certify")] = None,
    dns: Annotated[list[str] | None, typer.Option(help="a DNS name to certify")] = None,
    lifetime: Annotated[str, typer.Option(help="90d, 12h …")] = "365d",
    key_type: Annotated[str, typer.Option(help="p-256, p-384, rsa-2048, ed25519 …")] = "p-256",
) -> None:
    """Issue a client certificate and write its files."""
    from deployer.cli.session import Session
    from deployer.pki.keys import KeyType
    from deployer.pki.names import identity_name
    from deployer.pki.profiles import CLIENT
    from deployer.report import identities
    from deployer.workflows import choices
    from deployer.workflows.identities import issue_identity

    kind = choices.choice(KeyType, key_type, "--key-type")
    length = choices.lifetime(lifetime, "--lifetime")
    target = directory or Path(identity_name(name))
    with Session(common) as session:
        handed_over = issue_identity(
            name,
            target,
            store=session.store,
            signer=session.unlock(CLIENT.authority),
            now=session.now,
            email=email,
            dns=tuple(dns or ()),
            lifetime=length,
            key_type=kind,
            with_pkcs12=p12,
        )
    (identities.show_json if common.as_json else identities.show)(handed_over)
