"""The `ssh` that holds a connection, through which others go (ControlMaster of ssh_config(5))."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from deployer.transport.answering import Answers
from deployer.transport.environment import environment
from deployer.transport.processes import end

_READY = b"ready"
_A_MOMENT = 0.5
# Clients of the control socket read no configuration, and never go to a host by themselves.
_CLIENT = ("-F", "none", "-o", "ProxyCommand=false", "-o", "BatchMode=yes")
_NOWHERE = "deployer.invalid"


class Master:
    """The `ssh` that holds a connection, and the private directory with the way to it."""

    def __init__(
        self,
        program: str,
        configuration: str,
        arguments: Callable[[Path], Sequence[str]],
        answer: Callable[[str], str | None],
    ) -> None:
        """`arguments` get the file with the configuration; `answer` gets what `ssh` asks."""
        # A socket's path may have some hundred bytes, so this is no subdirectory of anything.
        self._directory = Path(tempfile.mkdtemp(prefix="deployer-"))
        self._program = program
        self._control = self._directory / "c"
        self._logged_in = False
        self._ready = threading.Event()
        self._said = bytearray()
        self._news = threading.Condition()
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self._directory, ignore_errors=True)
            file = self._directory / "config"
            file.write_text(configuration, encoding="utf-8")
            self._answers = Answers(self._directory, answer)
            undo.callback(self._answers.close)
            self._process = self._start(arguments(file))
            undo.pop_all()
        self._listeners = [
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=self._await_login, daemon=True),
        ]
        for listener in self._listeners:
            listener.start()

    def _start(self, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [self._program, "-o", f"ControlPath={self._control}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **environment(),
                "SSH_ASKPASS": str(self._answers.program),
                "SSH_ASKPASS_REQUIRE": "force",
                # Before OpenSSH 8.4, a display is what makes it ask that program.
                "DISPLAY": os.environ.get("DISPLAY", "none"),
            },
            start_new_session=True,
        )

    @property
    def position(self) -> int:
        """How much it has said so far, to hear later what came after that."""
        return len(self._said)

    def heard_after(self, position: int) -> str:
        """Return what it has said since; its clients fail a moment before it says why."""
        with self._news:
            self._news.wait_for(lambda: len(self._said) > position, _A_MOMENT)
            return self._said[position:].decode(errors="replace")

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands, as far as is known here."""
        return self._process.poll() is None

    @property
    def has_ended(self) -> bool:
        """Whether it ends now, or has ended: its clients hear of that a moment before we do."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)
        return not self.is_open

    @property
    def last_words(self) -> str:
        """The end of what it has said, for an error message."""
        lines = self._said.decode(errors="replace").strip().splitlines()
        return "; ".join(line.strip() for line in lines[-3:])

    def command(self, command: str, *, terminal: bool = False) -> list[str]:
        """Say how to start an `ssh` that runs a command through this one."""
        return [*self._client, *(["-tt"] if terminal else ["-T"]), "--", _NOWHERE, command]

    def forwarder(self, target: str) -> list[str]:
        """Say how to start an `ssh` that forwards to `host:port`, and tells when that stands."""
        return [*self._client, "-vvv", "-W", target, "--", _NOWHERE]

    @property
    def _client(self) -> list[str]:
        return [self._program, *_CLIENT, "-o", f"ControlPath={self._control}"]

    def wait(self, seconds: float) -> bool:
        """Wait until we are logged in; say whether that came to be. Nothing is asked after it."""
        self._ready.wait(seconds)
        self._answers.close()
        return self.is_open and self._logged_in

    def close(self) -> None:
        """End the connection, and remove what led to it."""
        end(self._process)
        for listener in self._listeners:
            listener.join(1)
        self._answers.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _await_login(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as said:
            self._logged_in = said.readline().strip() == _READY
        if not self._logged_in:
            self._process.wait()
            self._listeners[0].join(1)
        self._ready.set()

    def _listen(self) -> None:
        if self._process.stderr is None:
            return
        with self._process.stderr as said:
            while data := os.read(said.fileno(), 4096):
                with self._news:
                    self._said += data
                    self._news.notify_all()
