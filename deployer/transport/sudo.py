"""
The conversation with sudo, from its prompt to the moment the command runs.

Two random markers make it safe in any language and under any sudoers policy. The password is
typed when sudo shows the prompt we gave it and at no other time, so a sudo that asks for
none cannot pass the password on to the command. The command's own input follows only after
a marker of ours shows that sudo has let it start, so nothing meant for the command answers
a prompt. sudo is asked once: a second prompt means that the password is wrong, and trying
again would lock accounts. Nothing here reads or writes: a transport does that.
"""

import secrets
from collections.abc import Sequence

from deployer.errors import StepFailed
from deployer.spec.connection import Become

# `exec` keeps the command the direct child of sudo: signals and exit status pass unchanged.
_START = 'printf %s "$1" >&2; shift; exec "$@"'


class Sudo:
    """One command run through sudo."""

    def __init__(self, become: Become, command: Sequence[str]) -> None:
        self._user = become.user
        self._password = become.password
        self._answered = False
        self._said = b""
        self._prompt = f"[{secrets.token_hex(16)}]".encode()
        self._marker = f"[{secrets.token_hex(16)}]".encode()
        self._command = command
        self.started = False
        """Whether sudo has let the command run."""

    @property
    def argv(self) -> list[str]:
        """The command as sudo is asked to run it."""
        asking = ["-n"] if self._password is None else ["-S", "-p", self._prompt.decode()]
        start = ["sh", "-c", _START, "sh", self._marker.decode()]
        return ["sudo", "-H", *asking, "-u", self._user, "--", *start, *self._command]

    @property
    def takes_input(self) -> bool:
        """
        Say whether the command's own input may be sent now.

        With `-n` sudo never reads: what it does not hand to the command is lost, not used.
        """
        return self.started or self._password is None

    @property
    def rejected(self) -> bool:
        """Say whether sudo has asked for the password again."""
        return self._said.count(self._prompt) > 1

    def hear(self, data: bytes) -> bytes:
        """Take what came on standard error; return the part that the command wrote."""
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
        """Say what to type now: the password, once, when sudo has asked for it."""
        if self._password is None or self._answered or self._prompt not in self._said:
            return b""
        self._answered = True
        return self._password.encode() + b"\n"

    def refusal(self, host: str) -> StepFailed:
        """Explain why the command was never started, with sudo's own last words."""
        words = self._last_words()
        if self.rejected:
            cause = "sudo did not accept the password"
            hint = "-K asks for it; ansible_become_password sets it"
        elif self._password is None:
            cause = f"sudo did not let us run commands as {self._user} without a password"
            hint = "-K asks for the password, or allow it in sudoers with NOPASSWD"
        else:
            cause = f"sudo did not let us run commands as {self._user}"
            hint = f"see what `sudo -l -U {self._user}` and sudoers say on {host}"
        return StepFailed(host, "become", f"{cause}: {words}" if words else cause, hint=hint)

    def silence(self, host: str, seconds: float) -> StepFailed:
        """Explain that sudo neither started the command nor gave up."""
        words = self._last_words()
        cause = f"sudo did not start a command as {self._user} within {seconds:g} s"
        return StepFailed(
            host,
            "become",
            f"{cause}; it said: {words}" if words else cause,
            hint=f"run `sudo -u {self._user} true` on {host}: "
            "a hanging name service or PAM module, or a question of its own?",
        )

    def _last_words(self) -> str:
        said = self._said.replace(self._prompt, b"").decode(errors="replace")
        return "; ".join(line.strip() for line in said.splitlines()[-10:] if line.strip())
