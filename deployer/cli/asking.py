"""Asking whether to go on."""

import sys

import typer

from deployer.errors import DeployerError, UsageError


class NotWanted(DeployerError):
    """The operator looked at what would happen and said no."""


def confirm(question: str, otherwise: str, *, hint: str = "give --yes") -> None:
    """Ask at the terminal; without one, or after a no, nothing happens."""
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask whether to go on", hint=hint)
    if not typer.confirm(question, err=True):
        raise NotWanted(otherwise)
