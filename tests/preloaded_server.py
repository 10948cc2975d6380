"""
The product's command line, loaded once; each command that is asked for is a copy of this process.

`python preloaded_server.py DESCRIPTOR`: a request is a socket message with four descriptors: the
request itself as JSON, and the three streams of the command. The pid of the copy, and its exit
status when it has ended, go back through the socket that came as a fifth.
"""

import atexit
import faulthandler
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import threading
import traceback
from typing import Any

import deployer
from deployer.cli import main


def load_everything() -> None:
    for found in pkgutil.walk_packages(deployer.__path__, "deployer."):
        if found.name != "deployer.__main__":
            importlib.import_module(found.name)
    gc.collect()
    gc.freeze()


def serve(requests: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # copies are gone when they have ended
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, 1, 5)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            become(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def become(request: int, stdin: int, stdout: int, stderr: int, answers: int) -> None:
    """Be the command, to the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.write(answers, f"{os.getpid()}\n".encode())
    with open(request, "rb") as file:
        file.seek(0)
        wanted: dict[str, Any] = json.load(file)
    for number, descriptor in enumerate((stdin, stdout, stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    faulthandler.enable(2)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    # As for `python -m deployer`.
    sys.modules["__main__"].__package__ = "deployer"
    sys.argv = [str(deployer.__path__[0]) + "/__main__.py", *wanted["arguments"]]
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        status = 1
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as it does then
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001
        status = status or 120
    os.write(answers, f"{status}\n".encode())
    os._exit(status)


if __name__ == "__main__":
    load_everything()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
