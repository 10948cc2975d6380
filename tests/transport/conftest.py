import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer.spec.connection import Become, Connection
from deployer.transport import Transport, openssh
from deployer.transport.deadlines import Deadlines
from deployer.transport.local import Local
from deployer.transport.openssh import OpenSSH
from deployer.transport.session import SSH
from deployer.transport.ssh import connect
from deployer.transport.ssh_config import SshConfig
from tests.transport.sshd import Sshd, sshd, way_to

PASSWORD = "correct horse"


def unspoken(value: object) -> str | None:
    """
    Name a parameter of a test without the password.

    A test's name is in the environment of whatever it starts, where another test that runs
    meanwhile looks for the password.
    """
    return "password" if value == PASSWORD else None


SUDOERS = """
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Defaults:admin lecture=always
Defaults:pty use_pty
Defaults:notty requiretty
root     ALL=(ALL:ALL) ALL
admin    ALL=(ALL:ALL) ALL
pty      ALL=(ALL:ALL) ALL
expired  ALL=(ALL:ALL) ALL
deploy   ALL=(ALL:ALL) NOPASSWD: ALL
noisy    ALL=(ALL:ALL) NOPASSWD: ALL
notty    ALL=(ALL:ALL) NOPASSWD: ALL
"""
DOAS = """
permit doer as root
permit doer as stranger
permit nopass deploy
"""
USERS = (
    *("admin", "deploy", "doer", "pty", "notty", "expired"),
    *("stranger", "slow", "noisy", "both", "forbidden"),
)

# A host with users of its own: real sudo and PAM read real files, which only the processes
# below this script see. The whole directory, since a file that is replaced on this machine
# would take a mount on it along.
HOST = """
set -eu
mount --make-rprivate /
mount --bind "$1/etc" /etc
shift
exec "$@"
"""


@pytest.fixture(autouse=True)
def _no_keys_of_our_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd that lets us in as ourselves."""
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="session")
def sudo_server() -> Iterator[Sshd]:
    """An sshd with users who may become root, may not, or only with a password."""
    unshare = ["unshare", "--mount", "true"]
    if os.geteuid() != 0 or subprocess.run(unshare, check=False, capture_output=True).returncode:
        pytest.skip("needs root and a mount namespace, to have users with sudo rights")
    # Not `tmp_path`: pytest closes that to other users, and these are others.
    with tempfile.TemporaryDirectory(prefix="deployer-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        write_users(home)
        write_sudo(home / "slow", "echo asking the directory >&2; exec sleep 20")
        write_sudo(home / "noisy", 'echo no such host >&2; sleep 0.2; exec /usr/bin/sudo "$@"')
        extra = (
            f"Match User slow\n  SetEnv PATH={home}/slow:/usr/bin:/bin\n"
            f"Match User noisy\n  SetEnv PATH={home}/noisy:/usr/bin:/bin\n"
            "Match User both\n  AuthenticationMethods password,publickey\n"
            "Match User forbidden\n  AllowTcpForwarding no\n"
        )
        within = ("unshare", "--mount", "sh", "-c", HOST, "sh", str(home))
        with sshd(home, extra=extra, within=within) as running:
            yield running


@pytest.fixture
def asking_server() -> Iterator[Sshd]:
    """An sshd that asks for passwords as questions (keyboard-interactive, RFC 4256)."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to have users with passwords")
    with tempfile.TemporaryDirectory(prefix="deployer-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        write_users(home)
        within = ("unshare", "--mount", "sh", "-c", HOST, "sh", str(home))
        with sshd(home, within=within, asks=True) as running:
            yield running


def write_sudo(directory: Path, script: str) -> None:
    """Put something before the real sudo, to be found first."""
    directory.mkdir()
    (directory / "sudo").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "sudo").chmod(0o755)


def write_users(home: Path) -> None:
    digest = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"],
        input=PASSWORD,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    etc = home / "etc"
    subprocess.run(["cp", "-a", "/etc", etc], check=True)
    for number, user in enumerate(USERS, start=5000):
        changed = 0 if user == "expired" else 19000
        for name, line in (
            ("passwd", f"{user}:x:{number}:{number}::{home}:/bin/sh\n"),
            ("shadow", f"{user}:{digest}:{changed}:0:99999:7:::\n"),
            ("group", f"{user}:x:{number}:\n"),
        ):
            with (etc / name).open("a") as file:
                file.write(line)
    (etc / "sudoers").write_text(SUDOERS)
    (etc / "doas.conf").write_text(DOAS)
    # For su, which asks for the password of the one to become.
    shadow = (etc / "shadow").read_text()
    (etc / "shadow").write_text(re.sub("(?m)^root:[^:]*:", f"root:{digest}:", shadow))


@contextmanager
def logged_in(
    server: Sshd,
    user: str | None = None,
    *,
    become: Become | None = None,
    timeouts: Deadlines | None = None,
) -> Iterator[SSH]:
    """Lend a connection to a server, as one of its users."""
    target = way_to(server.port, user=user, key=server.key, become=become)
    transport = connect(target, known_hosts=server.known_hosts(), timeouts=timeouts)
    try:
        yield transport
    finally:
        transport.close()


@contextmanager
def logged_in_by_openssh(
    server: Sshd, user: str | None = None, *, become: Become | None = None, **said: object
) -> Iterator[OpenSSH]:
    """Lend a connection that the program ssh holds."""
    known = server.home / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key()}\n")
    options = [("port", str(server.port)), ("identityfile", str(server.key))]
    values = {
        "name": "web1",
        "way": "openssh",
        "address": "127.0.0.1",
        "options": (*options, ("user", user)) if user else tuple(options),
        "config_file": "none",
        "become": become,
        **said,
    }
    connection = Connection(**values)  # type: ignore[arg-type]
    transport = openssh.connect(connection, SshConfig(), known_hosts=[known])
    try:
        yield transport
    finally:
        transport.close()


@pytest.fixture(
    params=[
        "local",
        pytest.param("local+sudo", marks=pytest.mark.slow),
        "local+su+terminal",
        "ssh",
        "ssh+sudo",
        "ssh+sudo+password",
        "ssh+sudo+pty",
        "openssh",
        "openssh+sudo+password",
        "ssh+sudo+requiretty",
        pytest.param("ssh+doas", marks=pytest.mark.slow),
        "ssh+doas+password",
        pytest.param("ssh+su+password", marks=pytest.mark.slow),
        pytest.param("openssh+su+password", marks=pytest.mark.slow),
    ]
)
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """Every transport there is. A new one joins by adding its name here."""
    way: str = request.param
    if way == "local":
        yield Local()
        return
    if way == "local+sudo":
        if os.geteuid() != 0:
            pytest.skip("needs root, whom sudo asks for no password")
        yield Local(become=Become())
        return
    if way == "local+su+terminal":
        if os.geteuid() != 0:
            pytest.skip("needs root, whom su asks for no password")
        yield Local(become=Become(method="su", password="nobody asks for it"))
        return
    kind, _, rights = way.partition("+")
    user, become = {
        "": (None, None),
        "sudo": ("deploy", Become()),
        "sudo+password": ("admin", Become(password=PASSWORD)),
        "sudo+pty": ("pty", Become(password=PASSWORD)),
        "sudo+requiretty": ("notty", Become()),
        "doas": ("deploy", Become(method="doas")),
        "doas+password": ("doer", Become(method="doas", password=PASSWORD)),
        "su+password": ("stranger", Become(method="su", password=PASSWORD)),
    }[rights]
    server: Sshd = request.getfixturevalue("sudo_server" if become else "server")
    lend = logged_in if kind == "ssh" else logged_in_by_openssh
    with lend(server, user, become=become) as ssh:
        yield ssh
