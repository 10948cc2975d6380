"""The commands and their names. What each does is in the file of its noun."""

from typing import Annotated

import typer

from deployer import __version__
from deployer.cli import authority, client, demo, deployment, hosts, project

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
app.add_typer(ca, name="ca")
clients = typer.Typer(no_args_is_help=True, help="Certificates for people and programs.")
clients.command("issue")(client.issue)
app.add_typer(clients, name="client")
inventory = typer.Typer(no_args_is_help=True, help="The hosts and their variables.")
inventory.command("list")(hosts.list_)
app.add_typer(inventory, name="inventory")
app.command("render")(deployment.render)
app.command("plan")(deployment.plan)
app.command("apply")(deployment.apply)
app.command("probe")(hosts.probe)
app.command("status")(hosts.status)
