"""The commands and their names. What each does is in the file of its noun."""

from typing import Annotated

import typer

from deployer import __version__
from deployer.cli import (
    authority,
    certificate,
    client,
    custody,
    demo,
    deployment,
    generations,
    hosts,
    inventory,
    password,
    project,
    rollback,
    runs,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"deployer {__version__}")
        raise typer.Exit


@app.callback()
def deployer(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Provision Apache with mutual TLS: rehearsed, switched with one rename, proven, undone."""


app.command("demo")(demo.demo)
app.command("init")(project.init)
ca = typer.Typer(no_args_is_help=True, help="The certificate authority.")
ca.command("init")(authority.init)
ca.command("show")(authority.show)
ca.command("export")(authority.export)
ca.command("crl")(authority.crl)
ca.command("prepare")(generations.prepare)
ca.command("activate")(generations.activate)
ca.command("retire")(generations.retire)
ca.command("passphrase")(custody.passphrase)
ca.command("backup")(custody.backup)
ca.command("restore")(custody.restore)
ca.command("verify-journal")(custody.verify_journal)
app.add_typer(ca, name="ca")
clients = typer.Typer(no_args_is_help=True, help="Certificates for people and programs.")
clients.command("issue")(client.issue)
clients.command("renew")(client.renew)
clients.command("list")(client.list_)
clients.command("revoke")(client.revoke)
clients.command("export")(client.export)
app.add_typer(clients, name="client")
certificates = typer.Typer(no_args_is_help=True, help="Every certificate that was ever issued.")
certificates.command("list")(certificate.list_)
certificates.command("show")(certificate.show)
certificates.command("revoke")(certificate.revoke)
app.add_typer(certificates, name="cert")
app.command("password")(password.password)
inventories = typer.Typer(no_args_is_help=True, help="The hosts and their variables.")
inventories.command("list")(inventory.list_)
inventories.command("graph")(inventory.graph)
inventories.command("host")(inventory.host)
inventories.command("schema")(inventory.schema)
inventories.command("check")(inventory.check)
app.add_typer(inventories, name="inventory")
app.command("render")(deployment.render)
app.command("plan")(deployment.plan)
app.command("apply")(deployment.apply)
app.command("rotate")(deployment.rotate)
app.command("rollback")(rollback.rollback)
app.command("probe")(hosts.probe)
app.command("status")(hosts.status)
machines = typer.Typer(no_args_is_help=True, help="The way to the hosts: their keys, our rights.")
machines.command("trust")(hosts.trust)
machines.command("sudoers")(hosts.sudoers)
app.add_typer(machines, name="hosts")
history = typer.Typer(no_args_is_help=True, help="Runs over hosts, and who holds them.")
history.command("list")(runs.list_)
history.command("show")(runs.show)
history.command("unlock")(runs.unlock)
app.add_typer(history, name="runs")
