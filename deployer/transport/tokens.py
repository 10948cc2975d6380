"""The tokens of ssh_config(5), "TOKENS", in paths and commands that `ssh -G` leaves as written."""

import getpass
import hashlib
import os
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path

_TOKEN = re.compile(r"%(.?)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{(\w+)\}", re.ASCII)


class UnknownToken(ValueError):
    """A token or an environment variable that is not there to be put in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What stands for what, for one host."""

    typed: str
    """The name as it was given to ssh."""
    host: str
    port: int
    user: str
    alias: str = ""
    jumps: str = ""
    here: str = field(default_factory=socket.gethostname)

    def expand(self, text: str) -> str:
        """Put values in place of tokens; raise `UnknownToken`."""
        return _TOKEN.sub(lambda found: self._value(found[1], text), text)

    def path(self, text: str) -> Path:
        """Expand tokens, environment variables and the home directory in a path."""

        def variable(found: re.Match[str]) -> str:
            if found[1] not in os.environ:
                raise UnknownToken(f"{text}: there is no environment variable {found[1]}")
            return os.environ[found[1]]

        path = _VARIABLE.sub(variable, self.expand(text))
        try:
            return Path(path).expanduser()
        except RuntimeError as error:
            raise UnknownToken(f"{text}: there is no such home directory") from error

    def _value(self, letter: str, text: str) -> str:
        values = {
            "%": "%",
            "d": str(Path.home()),
            "h": self.host,
            "i": str(os.getuid()),
            "j": self.jumps,
            "k": self.alias or self.typed,
            "L": self.here.partition(".")[0],
            "l": self.here,
            "n": self.typed,
            "p": str(self.port),
            "r": self.user,
            "u": getpass.getuser(),
            "C": self._digest,
        }
        if letter not in values:
            raise UnknownToken(f"{text}: %{letter} means nothing here")
        return values[letter]

    @property
    def _digest(self) -> str:
        text = f"{self.here}{self.host}{self.port}{self.user}{self.jumps}"
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
