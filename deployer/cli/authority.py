"""`deployer ca init`, `show`, `export` and `crl`: what the CA is, and what it gives to others."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from deployer.cli.options import INVENTORY, PASSPHRASE, ROOT_KEY, TELLING, Common
from deployer.cli.sharing import shares
from deployer.errors import UsageError

JSON = TELLING[1:]


@shares(*INVENTORY[:-1], *JSON, *PASSPHRASE)
def init(
    common: Common,
    name: Annotated[
        str | None,
        typer.Option(
            help="the organization that the authorities' names begin with  [default: Deployer]"
        ),
    ] = None,
    key_type: Annotated[
        str, typer.Option(help="p-384, p-256, rsa-3072, rsa-4096 or ed25519")
    ] = "p-384",
    name_constraints: Annotated[
        str | None,
        typer.Option(
            metavar="auto|LIST",
            help="all that the root may ever certify: example.com,10.0.0.0/8, or auto for the "
            "domains and addresses of the inventory",
        ),
    ] = None,
    existing: Annotated[
        Path | None,
        typer.Option("--import", help="take over a CA: a PEM or PKCS#12 file"),
    ] = None,
    existing_key: Annotated[
        Path | None, typer.Option("--import-key", help="its private key, if it is apart")
    ] = None,
    existing_password: Annotated[
        Path | None,
        typer.Option(
            "--import-password-file", help="a file with the password of that key on its first line"
        ),
    ] = None,
    existing_list: Annotated[
        Path | None,
        typer.Option("--import-crl", help="its last revocation list, which goes on to count"),
    ] = None,
) -> None:
    """Found the CA: a root, an authority for servers and one for clients."""
    from deployer.cli.host_session import HostSession
    from deployer.cli.passphrase import Passphrase
    from deployer.pki.keys import KeyType
    from deployer.report import authorities, console
    from deployer.store.state import Store
    from deployer.workflows.authorities import (
        AUTO,
        constraints,
        read_adoption,
        read_list,
        refuse_second_ca,
        statuses,
        take_over,
    )
    from deployer.workflows.choices import authority_key_type
    from deployer.workflows.targets import addresses_of, names_of

    kind = authority_key_type(key_type, "--key-type")
    if existing is None and (existing_key or existing_password or existing_list):
        raise UsageError(
            "--import-key, --import-password-file and --import-crl belong to --import",
            hint="--import names the file with the certificate of the CA",
        )
    if existing is not None and name_constraints is not None:
        raise UsageError(
            "name constraints are part of a root, and an imported one is as it is",
            hint="leave --name-constraints out",
        )
    with HostSession(common) as session:
        refuse_second_ca(session.project.state, now=session.now)
        adoption = None
        if existing is not None:
            password = Passphrase(existing_password, variable=None) if existing_password else None
            adoption = read_adoption(
                existing, existing_key, password.get() if password else None, now=session.now
            )
        revoked = None if existing_list is None else read_list(existing_list)
        found = session.targets("all") if name_constraints == AUTO else ()
        limits = constraints(name_constraints, names=names_of(found), addresses=addresses_of(found))
        passphrase = session.passphrase.choose()
        with Store.create(session.project.state, now=session.now) as store:
            if adoption is None:
                store.init_ca(
                    organization="Deployer" if name is None else name,
                    passphrase=passphrase,
                    now=session.now,
                    key_type=kind,
                    constraints=limits,
                )
            else:
                for warning in adoption.warnings:
                    console.note(f"warning: {warning}", style="yellow")
                store.adopt_ca(
                    adoption,
                    organization=adoption.authority.organization if name is None else name,
                    passphrase=passphrase,
                    now=session.now,
                    key_type=kind,
                )
                take_over(store, adoption, revoked, now=session.now)
            made = statuses(store)
    authorities.tell(made, as_json=common.as_json)
    if kind is KeyType.ED25519:
        console.note("Ed25519 is for machines: no browser accepts what these authorities issue")
    if adoption is not None and revoked is None:
        console.note(
            "what it issued before is not on record, and what it revoked before counts as good: "
            "--import-crl takes its list over, deployer cert revoke --file one certificate"
        )
    console.note(f"keep {session.project.state} safe: it is the CA, encrypted with your passphrase")


@shares("state", *JSON)
def show(common: Common) -> None:
    """Show the authorities: names, states, fingerprints, dates."""
    from deployer.cli.session import Session
    from deployer.report import authorities
    from deployer.workflows.authorities import statuses

    with Session(common) as session:
        found = statuses(session.store)
    authorities.tell(found, as_json=common.as_json)


@shares("state", *PASSPHRASE)
def export(
    common: Common,
    root_key: Annotated[
        Path | None,
        typer.Option(help="move the root's key out of the state into this new file"),
    ] = None,
) -> None:
    """Print the certificates that others must trust, or move the root's key to a safe place."""
    from deployer.cli.custody import STILL_READ
    from deployer.cli.session import Session
    from deployer.pki.pem import write_certificates
    from deployer.report import console
    from deployer.workflows.authorities import anchors, move_root_key

    with Session(common) as session:
        if root_key is None:
            console.data(write_certificates(anchors(session.store)).decode("ascii"))
            return
        moved, wiped = move_root_key(
            session.store, root_key, passphrase=session.passphrase.get(), now=session.now
        )
    console.data(str(root_key))
    console.note(
        f"the key of {moved} is in {root_key} and no longer in {session.project.state}; "
        "it opens with the passphrase that the CA has today"
    )
    if not wiped:
        console.note(STILL_READ, style="yellow")
    console.note("backups made until now still hold it; later ones do not, so keep two copies")


@shares("state", *ROOT_KEY, *PASSPHRASE)
def crl(
    common: Common,
    name: Annotated[
        str | None, typer.Argument(help="an authority: root, servers or clients  [default: all]")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option("-o", "--output", help="write a file an authority into here")
    ] = None,
    renew: Annotated[bool, typer.Option("--renew", help="sign them anew first")] = False,
) -> None:
    """Write the revocation lists: what is valid today, and the lists of the coming weeks."""
    from deployer.cli.session import Session
    from deployer.pki.pem import write_crls
    from deployer.pki.renewal import crls_end
    from deployer.report import console
    from deployer.workflows.authorities import of_name, renew_lists, write_lists

    with Session(common) as session:
        if renew:
            for left_out in renew_lists(session.store, name, session.unlock, now=session.now):
                console.note(left_out, style="yellow")
        found = of_name(session.store, name)
        for one in found:
            if one.lists:
                console.note(f"{one.title}: lists until {crls_end(one.lists):%Y-%m-%d}")
            else:
                console.note(f"{one.title} has no lists")
        if directory is not None:
            for path in write_lists(found, directory):
                console.data(str(path))
        else:
            for one in found:
                sys.stdout.write(write_crls(one.lists).decode("ascii"))
