"""
Commands without waiting for Python to load the product: half a second of CPU, a thousand times.

A process for each test process has it loaded, and every command is a fresh copy of it, with a
directory, an environment and streams of its own. That the program also starts from nothing is
shown wherever a test starts it itself.
"""

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

SERVER = Path(__file__).with_name("preloaded_server.py")
_asking = threading.Lock()


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(SERVER), str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={**os.environ, "PYTHONPATH": str(SERVER.parent.parent)},
        stdin=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(timeout=30)

    atexit.register(end)
    return ours


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: str = "",
    timeout: float,
) -> "subprocess.CompletedProcess[str]":
    """Run a command as `subprocess.run` would `python -m deployer`, and return what it left."""
    wanted = {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
    request, given = _file(json.dumps(wanted)), _file(stdin)
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    answers, answers_end = socket.socketpair()
    sent = (request, given, out_end, err_end, answers_end.fileno())
    with _asking:
        socket.send_fds(_server(), [b"!"], sent)
    for descriptor in (request, given, out_end, err_end):
        os.close(descriptor)
    answers_end.close()
    said = {out: b"", err: b"", answers.fileno(): b""}
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as streams, answers:
        for descriptor in said:
            streams.register(descriptor, selectors.EVENT_READ)
        while streams.get_map():
            ready = streams.select(max(0, deadline - time.monotonic()))
            if not ready:
                # It says where each of its threads is, and ends.
                os.kill(int(said[answers.fileno()].split()[0]), signal.SIGABRT)
                said[err] += _rest(err)
                overdue = subprocess.TimeoutExpired(arguments, timeout, said[out], said[err])
                overdue.add_note(said[err].decode(errors="replace"))
                raise overdue
            for key, _ in ready:
                descriptor = key.fd
                if chunk := os.read(descriptor, 1 << 16):
                    said[descriptor] += chunk
                else:
                    streams.unregister(descriptor)
        _, *status = said[answers.fileno()].split()
    os.close(out)
    os.close(err)
    return subprocess.CompletedProcess(
        args=list(arguments),
        returncode=int(status[0]) if status else -signal.SIGKILL,
        stdout=said[out].decode(),
        stderr=said[err].decode(),
    )


def _rest(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as stream:
        return stream.read()


def _file(text: str) -> int:
    """Make a file that has no name."""
    descriptor = os.memfd_create("preloaded")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
