"""
The conversation with sudo, doas or su, from its prompt to the moment the command runs.

Random markers make it safe in any language and under any policy. The password is typed when it is
asked for and at no other time, so one that is asked for none cannot pass it on to the command.
The command's own input follows only after a marker of ours shows that the command has been let
start, so nothing meant for the command answers a prompt. A password is given once: a second prompt
means that it is wrong, and trying again would lock accounts. Nothing here reads or writes: a
transport does that.

doas and su read a password from a terminal alone, and so does a sudo with `requiretty`. There the
command starts on one, and turns it into a plain pipe before anything of ours goes through it.
"""

import re
import secrets
import shlex
from collections.abc import Sequence

from deployer.errors import StepFailed
from deployer.spec.connection import Become

# `exec` keeps the command the direct child of sudo: signals and exit status pass unchanged.
_START = 'printf %s "$1" >&2; shift; exec "$@"'

# A terminal has one stream each way and no end of input: how much there is to read is told, and
# what went to standard error follows the rest, behind another marker.
_START_ON_TERMINAL = """
stty raw -echo || exit
said=$(mktemp) || exit
size=$2 rest=$3
printf %s "$1"
shift 3
head -c "$size" | "$@" 2>"$said"
status=$?
printf %s "$rest"
cat "$said"
rm -f "$said"
exit "$status"
"""
_ASKS = re.compile(rb"(?i)(?:password|passphrase)[^\n]*:\s*$")
_REJECTED = re.compile(rb"(?i)authentication (?:failure|failed)|incorrect password|sorry")
_WANTS_TERMINAL = re.compile(rb"(?i)you must have a tty|a terminal is required|a tty is required")


class NeedsTerminal(StepFailed):
    """The command was not started, for want of a terminal."""


class Becoming:
    """One command run with the rights of somebody else."""

    def __init__(
        self, become: Become, command: Sequence[str], *, size: int = 0, terminal: bool = False
    ) -> None:
        """`size`: of the command's input, in bytes; `terminal`: whether there has to be one."""
        self._method = become.method
        self._user = become.user
        self._password = become.password
        self._answered = False
        self._said = b""
        self._prompt = f"[{secrets.token_hex(16)}]".encode()
        self._marker = f"[{secrets.token_hex(16)}]".encode()
        self._rest = f"[{secrets.token_hex(16)}]".encode()
        self._size = size
        self._command = command
        self.on_terminal = terminal or (
            self._password is not None and self._method in {"doas", "su"}
        )
        """Whether all of this happens on a terminal, which the transport has to provide."""
        self.started = False
        """Whether the command has been let run."""

    @property
    def argv(self) -> list[str]:
        """The command as sudo, doas or su is asked to run it."""
        marker = self._marker.decode()
        start = ["sh", "-c", _START, "sh", marker]
        if self.on_terminal:
            rest = self._rest.decode()
            start = ["sh", "-c", _START_ON_TERMINAL, "sh", marker, str(self._size), rest]
        command = [*start, *self._command]
        match self._method:
            case "su":
                # In English, so that its question is known for one.
                return ["env", "LC_ALL=C", "su", self._user, "-c", shlex.join(command)]
            case "doas":
                asking = [] if self.on_terminal else ["-n"]
                return ["env", "LC_ALL=C", "doas", *asking, "-u", self._user, "--", *command]
        asking = ["-n"]
        if self._password is not None:
            asking = ["-p", self._prompt.decode()]
            if not self.on_terminal:
                asking = ["-S", *asking]
        return ["sudo", "-H", *asking, "-u", self._user, "--", *command]

    @property
    def takes_input(self) -> bool:
        """
        Say whether the command's own input may be sent now.

        What never reads by itself cannot use it: it is handed to the command, or lost.
        """
        return self.started or (self._password is None and not self.on_terminal)

    @property
    def rejected(self) -> bool:
        """Say whether the password was not accepted."""
        if self._method == "sudo":
            return self._said.count(self._prompt) > 1
        return self._answered and _REJECTED.search(self._said) is not None

    def hear(self, data: bytes) -> bytes:
        """Take what was said, on standard error or the terminal; return the command's part."""
        if self.started:
            return data
        self._said += data
        before, marker, after = self._said.partition(self._marker)
        if not marker:
            return b""
        self._said = before
        self.started = True
        return after

    def answer(self) -> bytes:
        """Say what to type now: the password, once, when it has been asked for."""
        if self._password is None or self._answered or not self._is_asked:
            return b""
        self._answered = True
        return self._password.encode() + b"\n"

    @property
    def _is_asked(self) -> bool:
        if self._method == "sudo":
            return self._prompt in self._said
        return _ASKS.search(self._said) is not None

    def streams(self, stdout: bytes) -> tuple[bytes, bytes]:
        """Tell standard output and error of the command apart, once it has ended on a terminal."""
        before, marker, after = stdout.rpartition(self._rest)
        return (before, after) if marker else (stdout, b"")

    def refusal(self, host: str) -> StepFailed:
        """Explain why the command was never started, with the last words about it."""
        words = self._last_words()
        kind = StepFailed
        if self.rejected:
            cause = f"{self._method} did not accept the password"
            hint = "-K asks for it; ansible_become_password sets it"
        elif self._password is None:
            cause = f"{self._method} did not let us run commands as {self._user} without a password"
            hint = "-K asks for the password, or see `deployer hosts sudoers`"
        else:
            cause = f"{self._method} did not let us run commands as {self._user}"
            hint = f"see what `sudo -l -U {self._user}` and sudoers say on {host}"
        if _WANTS_TERMINAL.search(self._said) and not self.on_terminal:
            kind = NeedsTerminal
        return kind(host, "become", f"{cause}: {words}" if words else cause, hint=hint)

    def silence(self, host: str, seconds: float) -> StepFailed:
        """Explain that the command was neither started nor refused."""
        words = self._last_words()
        cause = f"{self._method} did not start a command as {self._user} within {seconds:g} s"
        return StepFailed(
            host,
            "become",
            f"{cause}; it said: {words}" if words else cause,
            hint=f"run `{self._method}` for {self._user} on {host} by hand: "
            "a hanging name service or PAM module, or a question of its own?",
        )

    def _last_words(self) -> str:
        said = self._said.replace(self._prompt, b"").decode(errors="replace")
        return "; ".join(line.strip() for line in said.splitlines()[-10:] if line.strip())
