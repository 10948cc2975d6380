"""`deployer ca prepare`, `activate` and `retire`: one generation of an authority after another."""

from typing import Annotated

import typer

from deployer.cli.options import PASSPHRASE, ROOT_KEY, TELLING, Common
from deployer.cli.sharing import shares
from deployer.errors import UsageError

Name = Annotated[str, typer.Argument(help="an authority: servers, clients or root")]


@shares("state", *ROOT_KEY, *TELLING[1:], *PASSPHRASE)
def prepare(
    common: Common,
    name: Name,
    key_type: Annotated[
        str, typer.Option(help="p-384, p-256, rsa-3072, rsa-4096 or ed25519")
    ] = "p-384",
) -> None:
    """
    Make the next generation of an authority. It issues nothing until it is activated.

    Hosts learn to trust it with the next `deployer apply`.
    """
    from deployer.cli.session import Session
    from deployer.report import authorities
    from deployer.workflows.authorities import statuses
    from deployer.workflows.choices import authority_key_type

    kind = authority_key_type(key_type, "--key-type")
    with Session(common) as session:
        # The passphrase of an exported root need not be that of the state.
        root = session.unlock("root")
        session.store.prepare(
            name, root=root, passphrase=session.passphrase.get(), now=session.now, key_type=kind
        )
        authorities.tell(statuses(session.store), as_json=common.as_json)


@shares("state", *TELLING[1:])
def activate(common: Common, name: Name) -> None:
    """Let the prepared generation issue from now on; the one before is retiring."""
    from deployer.cli.session import Session
    from deployer.report import authorities
    from deployer.workflows.authorities import statuses

    with Session(common) as session:
        session.store.activate(name, now=session.now)
        authorities.tell(statuses(session.store), as_json=common.as_json)


@shares("state", *TELLING[1:])
def retire(
    common: Common,
    name: Name,
    generation: Annotated[str, typer.Argument(help="which one: G1")],
) -> None:
    """Stop trusting a generation that nobody's certificate hangs on any more."""
    from deployer.cli.session import Session
    from deployer.report import authorities
    from deployer.workflows.authorities import statuses

    digits = generation.removeprefix("G")
    if not digits.isascii() or not digits.isdecimal():
        raise UsageError(f"{generation!r} is not a generation", hint="write G1")
    number = int(digits)

    with Session(common) as session:
        session.store.retire(name, now=session.now, generation=number)
        authorities.tell(statuses(session.store), as_json=common.as_json)
