"""Reaching a host, knowing it, logging in."""

import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import Unreachable
from deployer.transport.known_hosts import KnownHosts
from deployer.transport.route import Route
from deployer.transport.ssh import connect
from tests.transport.conftest import PASSWORD, logged_in
from tests.transport.sshd import Sshd, keygen, sshd, way_to


@pytest.fixture
def target(server: Sshd) -> Route:
    return way_to(server.port, key=server.key)


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd whose log shows every attempt to log in."""
    with sshd(tmp_path_factory.mktemp("talkative"), log_level="DEBUG1") as running:
        yield running


@contextmanager
def agent(tmp_path: Path, *keys: Path) -> Iterator[Path]:
    """Run an ssh-agent that holds some keys."""
    path = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
        try:
            while not path.exists():
                threading.Event().wait(0.01)
            environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
            for key in keys:
                subprocess.run(["ssh-add", "-q", key], env=environment, check=True)
            yield path
        finally:
            process.terminate()


@pytest.mark.fault(13)
def test_an_unknown_host_is_refused_before_authentication(talkative: Sshd) -> None:
    target = way_to(talkative.port, key=talkative.key)
    before = len(talkative.log())

    with pytest.raises(Unreachable) as refused:
        connect(target, known_hosts=KnownHosts())

    assert refused.value.step == "host key"
    assert re.search(
        rf"^web1: host key: \[127\.0\.0\.1\]:{target.port} is not in known_hosts; "
        r"it shows ssh-ed25519 SHA256:\S{43}$",
        refused.value.message,
    )
    assert "deployer hosts trust web1" in refused.value.hint
    log = talkative.log_from(before, until="Connection closed")
    assert "userauth-request" not in log
    assert target.user not in log.partition("Connection from")[2]


@pytest.mark.fault(12)
def test_a_changed_host_key_is_refused_before_authentication(
    talkative: Sshd, tmp_path: Path
) -> None:
    target = way_to(talkative.port, key=talkative.key)
    keygen(tmp_path / "old", "ed25519")
    file = tmp_path / "known_hosts"
    file.write_text(f"[127.0.0.1]:{target.port} {(tmp_path / 'old.pub').read_text()}")
    before = len(talkative.log())

    with pytest.raises(Unreachable) as refused:
        connect(target, known_hosts=KnownHosts.read([file]))

    assert refused.value.step == "host key"
    fingerprints = re.findall(r"SHA256:\S{43}", refused.value.message)
    assert fingerprints == [
        fingerprint(talkative.home / "host_ed25519"),
        fingerprint(tmp_path / "old"),
    ]
    assert f"ssh-keygen -R '[127.0.0.1]:{target.port}' -f {file}" in refused.value.hint
    log = talkative.log_from(before, until="Connection closed")
    assert "userauth-request" not in log


def test_the_log_of_those_tests_would_show_an_attempt(talkative: Sshd) -> None:
    before = len(talkative.log())

    with logged_in(talkative):
        assert "userauth-request" in talkative.log_from(before, until="Accepted publickey")


@pytest.mark.fault(14, how="`@revoked` in known_hosts")
def test_a_revoked_host_key_is_refused(server: Sshd, target: Route) -> None:
    known = server.known_hosts()
    known.add(f"@revoked * {server.host_key()}\n@revoked * {server.host_key('rsa')}")

    with pytest.raises(Unreachable, match=r"host key: .* is marked as revoked") as refused:
        connect(target, known_hosts=known)

    assert refused.value.exit_code == 4


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_host_known_by_one_of_its_keys_is_asked_for_that_one(
    server: Sshd, target: Route, kind: str
) -> None:
    with closing(connect(target, known_hosts=server.known_hosts(kind))) as ssh:
        assert ssh.run(["true"], timeout=10).status == 0


def fingerprint(key: Path) -> str:
    shows = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{key}.pub"], capture_output=True, text=True, check=True
    )
    return shows.stdout.split()[1]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ed25519", ()),
        ("ecdsa", ()),
        ("rsa", ("-b", "2048")),
        ("ecdsa", ("-m", "PEM")),
        ("rsa", ("-b", "2048", "-m", "PEM")),
        ("ecdsa", ("-m", "PKCS8")),
        ("rsa", ("-b", "2048", "-m", "PKCS8")),
    ],
)
def test_every_kind_of_key_file_logs_in(
    server: Sshd, tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    key = keygen(tmp_path / "key", kind, *options)
    with allowed(server, key):
        target = way_to(server.port, key=key)
        with closing(connect(target, known_hosts=server.known_hosts())) as ssh:
            assert ssh.run(["true"], timeout=10).status == 0


@contextmanager
def allowed(server: Sshd, *keys: Path) -> Iterator[None]:
    """Let keys in, besides the one that always may."""
    file = server.home / "authorized_keys"
    before = file.read_text()
    file.write_text(before + "".join(Path(f"{key}.pub").read_text() for key in keys))
    try:
        yield
    finally:
        file.write_text(before)


def test_the_users_own_key_is_found(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    key = keygen(tmp_path / ".ssh" / "id_ed25519", "ed25519")
    with (
        allowed(server, key),
        closing(connect(way_to(server.port), known_hosts=server.known_hosts())) as ssh,
    ):
        assert ssh.run(["true"], timeout=10).status == 0


@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
def test_an_encrypted_key_is_used_through_the_agent(
    server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    key = keygen(tmp_path / "key", "ed25519")
    with allowed(server, key), agent(tmp_path, key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        change_passphrase(key)
        target = way_to(server.port, key=key if named else None)
        with closing(connect(target, known_hosts=server.known_hosts())) as ssh:
            assert ssh.run(["true"], timeout=10).status == 0


def change_passphrase(key: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret words", "-f", key],
        check=True,
        capture_output=True,
    )


def test_an_encrypted_key_without_an_agent_says_so(server: Sshd, tmp_path: Path) -> None:
    key = keygen(tmp_path / "key", "ed25519", passphrase="secret words")
    target = way_to(server.port, key=key)

    with pytest.raises(Unreachable, match="key is encrypted and not in the agent") as refused:
        connect(target, known_hosts=server.known_hosts())

    assert refused.value.step == "authenticate"
    assert refused.value.hint == f"ssh-add {key}"


def test_an_agent_that_has_died_is_an_agent_without_keys(
    server: Sshd, target: Route, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))

    with pytest.raises(Unreachable, match="nothing could be tried"):
        connect(replace(target, private_key_file=None), known_hosts=server.known_hosts())


@pytest.mark.parametrize(
    "content", [None, b"", b"garbage\n", b"-----BEGIN OPENSSH PRIVATE KEY-----"]
)
def test_a_key_file_that_is_none_is_found_before_anything_connects(
    tmp_path: Path, content: bytes | None
) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_bytes(content)
    target = way_to(1, key=key)

    with pytest.raises(Unreachable) as refused:
        connect(target, known_hosts=KnownHosts())

    assert refused.value.step == "authenticate"
    assert str(key) in refused.value.message


def test_a_refused_login_lists_what_was_tried(server: Sshd, tmp_path: Path) -> None:
    key = keygen(tmp_path / "key", "ed25519")
    target = way_to(server.port, key=key, password="not the password")

    with pytest.raises(Unreachable) as refused:
        connect(target, known_hosts=server.known_hosts())

    assert f"tried key {key} {fingerprint(key)}, the password" in refused.value.message
    assert "not the password" not in refused.value.message + refused.value.hint
    assert "--private-key" in refused.value.hint


def test_a_password_logs_in(sudo_server: Sshd) -> None:
    target = way_to(sudo_server.port, user="admin", password=PASSWORD)

    with closing(connect(target, known_hosts=sudo_server.known_hosts())) as ssh:
        assert ssh.run(["id", "-un"], timeout=10).stdout == b"admin\n"


def test_a_password_answers_a_question_as_well(asking_server: Sshd) -> None:
    target = way_to(asking_server.port, user="stranger", password=PASSWORD)

    with closing(connect(target, known_hosts=asking_server.known_hosts())) as ssh:
        assert ssh.run(["id", "-un"], timeout=20).stdout == b"stranger\n"

    assert "Accepted keyboard-interactive" in asking_server.log()


def test_a_host_may_want_two_proofs_in_its_own_order(sudo_server: Sshd) -> None:
    # The key is named first, and is not wanted until the password has been given.
    target = way_to(
        sudo_server.port,
        user="both",
        key=sudo_server.key,
        password=PASSWORD,
    )

    with closing(connect(target, known_hosts=sudo_server.known_hosts())) as ssh:
        assert ssh.run(["id", "-un"], timeout=10).stdout == b"both\n"


def test_a_closed_connection_leaves_no_thread_behind(server: Sshd, target: Route) -> None:
    before = set(threading.enumerate())
    ssh = connect(target, known_hosts=server.known_hosts())
    ssh.run(["cat"], stdin=b"x", timeout=10)
    assert set(threading.enumerate()) > before

    ssh.close()

    assert set(threading.enumerate()) == before


@pytest.mark.fault(1, how="a closed port")
def test_a_refused_connection_is_unreachable_and_says_where() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        with pytest.raises(Unreachable, match=f"web1: connect: 127.0.0.1:{port} refused"):
            connect(way_to(port), known_hosts=KnownHosts())


@pytest.mark.fault(1, how="a name that nobody knows")
@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 70, ""])
def test_a_name_that_does_not_resolve_is_unreachable(name: str) -> None:
    with pytest.raises(Unreachable, match=r"web1: connect: ") as refused:
        connect(way_to(22, address=name), known_hosts=KnownHosts())

    assert "ansible_host" in refused.value.hint


def test_something_that_is_not_sshd_is_unreachable() -> None:
    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = threading.Thread(target=answer, args=(listener,))
        worker.start()

        with pytest.raises(Unreachable, match="web1: banner: ") as refused:
            connect(way_to(listener.getsockname()[1]), known_hosts=KnownHosts())

        worker.join()
    assert "is that sshd" in refused.value.hint


def test_nothing_is_printed_by_the_library(
    server: Sshd, target: Route, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(connect(target, known_hosts=server.known_hosts())):
        pass
    with pytest.raises(Unreachable):
        connect(replace(target, user="nobody-here"), known_hosts=server.known_hosts())

    assert capfd.readouterr() == ("", "")
