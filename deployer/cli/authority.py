"""`deployer ca`."""

from typing import Annotated

import typer

from deployer.cli.options import PASSPHRASE, TELLING, Common, shares


@shares("state", *PASSPHRASE)
def init(
    common: Common,
    name: Annotated[
        str, typer.Option(help="the organization that the authorities' names begin with")
    ] = "Deployer",
    key_type: Annotated[
        str, typer.Option(help="p-384, p-256, rsa-3072, rsa-4096 or ed25519")
    ] = "p-384",
) -> None:
    """Found the CA: a root, an authority for servers and one for clients."""
    from deployer.cli.session import Session
    from deployer.pki.keys import KeyType
    from deployer.report import authorities, console
    from deployer.store.state import Store
    from deployer.workflows.choices import choice

    kind = choice(KeyType, key_type, "--key-type")
    with Session(common) as session, Store.create(session.project.state) as store:
        if store.authorities.list():
            from deployer.errors import DeployerError

            raise DeployerError(
                f"there is a CA in {session.project.state} already", hint="deployer ca show"
            )
        made = store.init_ca(
            organization=name,
            passphrase=session.passphrase.choose(),
            now=session.now,
            key_type=kind,
        )
        authorities.show(made, {one.name: store.crls.current(one) for one in made})
        console.note(
            f"keep {session.project.state} safe: it is the CA, encrypted with your passphrase"
        )


@shares("state", *TELLING[1:])
def show(common: Common) -> None:
    """Show the authorities: names, fingerprints, dates."""
    from deployer.cli.session import Session
    from deployer.report import authorities

    with Session(common) as session:
        found = session.store.authorities.list()
        lists = {one.name: session.store.crls.current(one) for one in found}
        (authorities.show_json if common.as_json else authorities.show)(found, lists)
