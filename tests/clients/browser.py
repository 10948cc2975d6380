"""Real browsers without a screen, with homes of their own and nothing of this computer's."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.clients.reception import Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a browser made of a page."""

    text: str
    picture: Path


def nss_database(visitor: Visitor, directory: Path, *, certificate: bool) -> None:
    """Do in files what the sheet says to click: import the root, and the .p12 if wanted."""
    directory.mkdir(parents=True, exist_ok=True)
    database = f"sql:{directory}"
    visitor.run("certutil", "-N", "-d", database, "--empty-password")
    root = str(visitor.file("ca.pem"))
    visitor.run("certutil", "-A", "-d", database, "-n", "root", "-t", "C,,", "-i", root)
    if certificate:
        password = directory / "password"
        password.write_text(visitor.password)
        p12 = str(visitor.file("p12"))
        visitor.run("pk12util", "-i", p12, "-d", database, "-w", str(password))


def chromium(url: str, home: Path) -> Seen:
    """
    Look at a page with Chromium.

    It reads policies from /etc alone, and without one it would ask which certificate to use.
    So it gets an /etc/chromium of its own, in a mount namespace that ends with it.
    """
    policy = {"AutoSelectCertificateForUrls": [json.dumps({"pattern": url, "filter": {}})]}
    picture = home / "screenshot.png"
    script = (
        "set -e; mkdir -p /etc/chromium; mount -t tmpfs tmpfs /etc/chromium; "
        "mkdir -p /etc/chromium/policies/managed; cat >/etc/chromium/policies/managed/test.json; "
        'exec "$@" </dev/null'
    )
    browse = (
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost",
        f"--user-data-dir={home / 'profile'}", "--window-size=800,400",
        f"--screenshot={picture}", "--dump-dom", url,
    )  # fmt: skip
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *browse],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        input=json.dumps(policy),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Seen(text=ended.stdout + ended.stderr, picture=picture)


def firefox(url: str, profile: Path) -> Seen:
    """Look at a page with Firefox, told what to do by its own remote protocol, Marionette."""
    preferences = {
        "security.default_personal_cert": "Select Automatically",
        "marionette.port": 0,
        "datareporting.policy.dataSubmissionEnabled": False,
        "network.proxy.type": 0,
    }
    lines = (
        f"user_pref({json.dumps(key)}, {json.dumps(value)});\n"
        for key, value in preferences.items()
    )
    (profile / "user.js").write_text("".join(lines))
    picture = profile / "screenshot.png"
    running = subprocess.Popen(
        ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", str(profile)],
        env={"PATH": os.environ["PATH"], "HOME": str(profile), "LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout
    try:
        said = (re.search(r"Listening on port (\d+)", line) for line in running.stdout)
        port = next(found[1] for found in said if found)
        with Marionette(int(port)) as remote:
            remote.ask("WebDriver:NewSession", {})
            text = ""
            try:
                remote.ask("WebDriver:Navigate", {"url": url})
            except Refused as refused:
                text = str(refused)
            text += remote.ask("WebDriver:GetPageSource", {})["value"]
            image = remote.ask("WebDriver:TakeScreenshot", {"full": False})["value"]
            picture.write_bytes(base64.b64decode(image))
            return Seen(text=text, picture=picture)
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


class Refused(Exception):
    """What Firefox answers when it cannot do what it was asked for."""


class Marionette:
    """A conversation with Firefox: arrays of JSON, each after its length and a colon."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._stream = self._socket.makefile("rb")
        self._count = 0
        self._receive()  # it greets

    def ask(self, command: str, parameters: dict[str, Any]) -> Any:
        self._count += 1
        text = json.dumps([0, self._count, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self._receive()
        if error is not None:
            raise Refused(error["message"])
        return result

    def _receive(self) -> Any:
        length = b""
        while (byte := self._stream.read(1)) != b":":
            assert byte, "firefox hung up"
            length += byte
        return json.loads(self._stream.read(int(length)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()


def kept(seen: Seen, name: str) -> None:
    """Print where a picture is, and copy it to where somebody collects them."""
    print(f"screenshot: {seen.picture}")  # noqa: T201 - pytest shows it with -s
    if directory := os.environ.get("DEPLOYER_SCREENSHOTS"):
        Path(directory).mkdir(parents=True, exist_ok=True)
        shutil.copy(seen.picture, Path(directory) / f"{name}.png")
