"""The command line: one file per noun. Options in, one call, exit status out."""

import os
import signal
import sys

from deployer.errors import DeployerError, UsageError


def main() -> None:
    """Run the command line, turning errors an operator can fix into two lines."""
    from deployer.report import console

    try:
        sys.exit(run(sys.argv[1:]))
    except DeployerError as problem:
        console.error(problem)
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while exiting.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; raise `UsageError` for a wrong word."""
    import typer

    from deployer.cli.app import app
    from deployer.cli.options import hoist

    # Typer does not export this one: the base of everything wrong with a command line.
    wrong_word: type[Exception] = typer.BadParameter.__mro__[1]
    try:
        return app(hoist(arguments), standalone_mode=False) or 0
    except typer.Abort:
        return 1
    except wrong_word as error:
        context = getattr(error, "ctx", None)
        hint = f"{context.command_path} --help" if context else "deployer --help"
        message = getattr(error, "format_message", error.__str__)()
        raise UsageError(message.rstrip("."), hint=hint) from error
