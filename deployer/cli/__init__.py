"""The command line: one file per noun. Options in, one call, exit status out."""

import gc
import signal
import sys

from deployer.cli import interrupts, streams
from deployer.errors import DeployerError, UsageError

OBJECTS_BEFORE_A_COLLECTION = 100_000
"""A command is over before circles of objects matter; looking for them costs it a tenth."""


def main() -> None:
    """Run the command line, turning errors an operator can fix into two lines."""
    from deployer.report import console

    gc.set_threshold(OBJECTS_BEFORE_A_COLLECTION)
    streams.open_all()
    interrupts.heed()
    try:
        sys.exit(run(sys.argv[1:]))
    except DeployerError as problem:
        console.error(problem)
        sys.exit(problem.exit_code)
    except (KeyboardInterrupt, SystemExit):
        if interrupts.have_come():  # Typer makes a status of its own of them
            sys.exit(interrupts.exit_status())
        raise
    except streams.NobodyReads:
        streams.abandon_stdout()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as problem:
        # A file that nobody foresaw is the operator's to look at; without one it is a bug.
        if problem.filename is None:
            raise
        console.failure(f"{problem.filename}: {problem.strerror}")
        if problem.filename == streams.STDOUT:
            streams.abandon_stdout()
        sys.exit(DeployerError.exit_code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; raise `UsageError` for a wrong word."""
    import typer

    from deployer.cli.app import app
    from deployer.cli.hoisting import hoist

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
        if not message:  # a group without a command, whose help was printed
            return UsageError.exit_code
        raise UsageError(message.rstrip("."), hint=hint) from error
