"""Answers to the questions of `ssh`, which asks them through the program `askpass`."""

import shlex
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deployer.transport import askpass
from deployer.transport.deadlines import hang_up

_LONGEST_QUESTION = 4096


class Answers:
    """
    A socket at which questions arrive, as long as a login takes.

    `answer` gets each question and returns what to say, or None.
    """

    def __init__(self, directory: Path, answer: Callable[[str], str | None]) -> None:
        self._answer = answer
        self._path = directory / "a"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        script = shlex.join([sys.executable, "-I", str(Path(askpass.__file__)), str(self._path)])
        self.program = directory / "askpass"
        """What SSH_ASKPASS names."""
        self.program.write_text(f'#!/bin/sh\nexec {script} "$1"\n', encoding="utf-8")
        self.program.chmod(0o700)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Answer nothing any more."""
        hang_up(self._listener)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    question = b""
                    while len(question) < _LONGEST_QUESTION and (data := connection.recv(4096)):
                        question += data
                    said = self._answer(question.decode(errors="replace"))
                    if said is not None:
                        connection.sendall(f"{said}\n".encode())
