"""
The options that many commands share, named as Ansible names them.

They are declared once, here, and added to a command by `@shares(...)`; the command receives
one frozen value.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from deployer.rolling import Order, Scope

Texts = list[str] | None

CONNECTION = "Connection"
ROLLING = "Rolling"
OUTPUT = "Output"
CA = "CA keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What was said on the command line, for everything that commands have in common."""

    inventory: Annotated[
        Texts, typer.Option("-i", "--inventory", help="an inventory file; may be repeated")
    ] = None
    limit: Annotated[
        str | None, typer.Option("-l", "--limit", help="only these hosts of the pattern, or @file")
    ] = None
    extra_vars: Annotated[
        Texts, typer.Option("-e", "--extra-vars", help="variables that win over all others")
    ] = None
    vault_id: Annotated[
        Texts,
        typer.Option("--vault-id", help="LABEL@SOURCE of a vault password; may be repeated"),
    ] = None
    vault_password_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--vault-password-file",
            envvar="ANSIBLE_VAULT_PASSWORD_FILE",
            help="a file with a vault password, or a program that prints it",
        ),
    ] = None
    ask_vault_pass: Annotated[
        bool, typer.Option("-J", "--ask-vault-pass", help="ask for a vault password")
    ] = False
    state: Annotated[
        Path | None,
        typer.Option(envvar="DEPLOYER_STATE", help="where the CA and the records are"),
    ] = None
    forks: Annotated[
        int | None, typer.Option("-f", "--forks", min=1, help="hosts at work at once")
    ] = None
    processes: Annotated[
        int, typer.Option(min=1, help="processes that share the hosts out among themselves")
    ] = 1
    timeout: Annotated[
        float | None,
        typer.Option("-T", "--timeout", help="seconds to connect", rich_help_panel=CONNECTION),
    ] = None
    user: Annotated[
        str | None,
        typer.Option("-u", "--user", help="log in as this user", rich_help_panel=CONNECTION),
    ] = None
    private_key: Annotated[
        str | None,
        typer.Option("--private-key", help="log in with this key", rich_help_panel=CONNECTION),
    ] = None
    known_hosts: Annotated[
        Path | None,
        typer.Option(help="host keys, in place of ssh's own files", rich_help_panel=CONNECTION),
    ] = None
    ssh_config: Annotated[
        str | None,
        typer.Option(
            envvar="DEPLOYER_SSH_CONFIG",
            help="a file in place of ssh's own, or none",
            rich_help_panel=CONNECTION,
        ),
    ] = None
    ssh_common_args: Annotated[
        str,
        typer.Option(
            help="arguments of ssh: '-J jump', '-o Name=value'", rich_help_panel=CONNECTION
        ),
    ] = ""
    ssh_extra_args: Annotated[
        str, typer.Option(help="more of them, behind those", rich_help_panel=CONNECTION)
    ] = ""
    transport: Annotated[
        Literal["ssh", "openssh"] | None,
        typer.Option(
            help="ssh of our own, or the program ssh, which knows security keys and Kerberos",
            rich_help_panel=CONNECTION,
        ),
    ] = None
    ask_pass: Annotated[
        bool,
        typer.Option(
            "-k", "--ask-pass", help="ask for the login password", rich_help_panel=CONNECTION
        ),
    ] = False
    become: Annotated[
        bool,
        typer.Option("-b", "--become", help="become root after login", rich_help_panel=CONNECTION),
    ] = False
    become_method: Annotated[
        Literal["sudo", "doas", "su"],
        typer.Option(help="what makes us root", rich_help_panel=CONNECTION),
    ] = "sudo"
    become_user: Annotated[
        str, typer.Option(help="become this user instead", rich_help_panel=CONNECTION)
    ] = "root"
    ask_become_pass: Annotated[
        bool,
        typer.Option(
            "-K", "--ask-become-pass", help="ask for sudo's password", rich_help_panel=CONNECTION
        ),
    ] = False
    serial: Annotated[
        str,
        typer.Option(help="hosts of a batch: 5, 20%, or 1,5,20%", rich_help_panel=ROLLING),
    ] = ""
    canary: Annotated[
        str,
        typer.Option(help="hosts that come first, of which none may fail", rich_help_panel=ROLLING),
    ] = ""
    order: Annotated[Order, typer.Option(help="in which hosts come", rich_help_panel=ROLLING)] = (
        "inventory"
    )
    soak: Annotated[
        str,
        typer.Option(
            help="time between batches: 30s, 2m, 1h", metavar="TIME", rich_help_panel=ROLLING
        ),
    ] = ""
    max_fail_percentage: Annotated[
        float | None,
        typer.Option(
            min=0, max=100, help="stop after a batch with more failures", rich_help_panel=ROLLING
        ),
    ] = None
    max_fail: Annotated[
        int | None,
        typer.Option(
            min=0, help="stop when more hosts of the run have failed", rich_help_panel=ROLLING
        ),
    ] = None
    any_errors_fatal: Annotated[
        bool,
        typer.Option(
            "--any-errors-fatal", help="stop at the first failure", rich_help_panel=ROLLING
        ),
    ] = False
    rollback_scope: Annotated[
        Scope,
        typer.Option(help="what goes back when a host fails", rich_help_panel=ROLLING),
    ] = "host"
    lock_timeout: Annotated[
        str,
        typer.Option(help="wait so long for another run", metavar="TIME", rich_help_panel=ROLLING),
    ] = ""
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="tell of every step", rich_help_panel=OUTPUT)
    ] = False
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON lines on stdout", rich_help_panel=OUTPUT)
    ] = False
    list_hosts: Annotated[
        bool,
        typer.Option(
            "--list-hosts", help="only name the hosts, one a line", rich_help_panel=OUTPUT
        ),
    ] = False
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="a file with the passphrase on its first line", rich_help_panel=CA),
    ] = None
    passphrase_command: Annotated[
        str | None, typer.Option(help="a command that prints the passphrase", rich_help_panel=CA)
    ] = None
    root_key: Annotated[
        Path | None,
        typer.Option(help="the root's key, from `ca export --root-key`", rich_help_panel=CA),
    ] = None
    root_key_passphrase_file: Annotated[
        Path | None,
        typer.Option(help="a file with its passphrase, if it has another", rich_help_panel=CA),
    ] = None


VAULT = ("vault_id", "vault_password_file", "ask_vault_pass")
INVENTORY = ("inventory", "limit", "extra_vars", "state", "list_hosts", *VAULT)
CONNECTING = (
    "forks",
    "processes",
    "timeout",
    "user",
    "private_key",
    "known_hosts",
    "ssh_config",
    "ssh_common_args",
    "ssh_extra_args",
    "transport",
    "ask_pass",
    "become",
    "become_method",
    "become_user",
    "ask_become_pass",
)
ROLLS = (
    "serial",
    "canary",
    "order",
    "soak",
    "max_fail_percentage",
    "max_fail",
    "any_errors_fatal",
    "lock_timeout",
)
RECALLS = ("rollback_scope",)
TELLING = ("verbose", "as_json")
PASSPHRASE = ("passphrase_file", "passphrase_command")
ROOT_KEY = ("root_key", "root_key_passphrase_file")


def shares(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """
    Add shared options to a command, which takes them as its first argument, a `Common`.

    Typer reads a command's signature; this writes one that lists the command's own parameters
    and then the shared ones.
    """
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=field.type,
            default=field.default,
        )
        for field in fields(Common)
        if field.name in names
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            common = Common(**{name: given.pop(name) for name in names})
            command(common, **given)

        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own] + shared
        )
        run.__annotations__ = {one.name: one.annotation for one in (*own, *shared)}
        return run

    return decorate
