"""The transport that runs the system's `ssh`: what it says when that cannot log in."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import Interrupted, Unreachable
from deployer.spec.connection import Connection
from deployer.transport import openssh
from deployer.transport.deadlines import Deadlines
from deployer.transport.openssh import OpenSSH
from deployer.transport.openssh_login import Questions
from deployer.transport.route import Route
from deployer.transport.ssh_config import SshConfig
from deployer.transport.stream import ForwardingRefused
from tests.transport.conftest import PASSWORD, logged_in_by_openssh
from tests.transport.sshd import Sshd, keygen, wait_for

Reach = Callable[..., OpenSSH]


@pytest.fixture
def reach(server: Sshd, tmp_path: Path) -> Reach:
    def connect(
        *options: tuple[str, str],
        known: str | None = None,
        config_file: str = "none",
        timeouts: Deadlines | None = None,
        address: str = "127.0.0.1",
        **said: Any,
    ) -> OpenSSH:
        file = tmp_path / "known_hosts"
        text = f"[127.0.0.1]:{server.port} {server.host_key()}\n" if known is None else known
        file.write_text(text)
        connection = Connection(
            name="web1",
            way="openssh",
            address=address,
            config_file=config_file,
            options=(*options, ("port", str(server.port)), ("identityfile", str(server.key))),
            **said,
        )
        return openssh.connect(connection, SshConfig(), known_hosts=[file], timeouts=timeouts)

    return connect


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No control socket, and no `ssh` that holds one."""
    # A place of its own: other workers of a parallel run have theirs.
    with tempfile.TemporaryDirectory(prefix="deployer-") as place:
        monkeypatch.setattr(tempfile, "tempdir", place)
        yield
        assert not list(Path(place).glob("*/c"))


def refused(reach: Reach, *options: tuple[str, str], **said: str) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        reach(*options, **said)
    return caught.value


@pytest.mark.fault(13, how="an empty known_hosts, with the program ssh")
def test_an_unknown_host_is_refused(reach: Reach) -> None:
    error = refused(reach, known="")

    assert error.step == "host key"
    assert "deployer hosts trust web1" in error.hint


@pytest.mark.fault(12, how="another key in known_hosts, with the program ssh")
def test_a_changed_host_key_is_refused(reach: Reach, server: Sshd, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other", "ed25519")
    known = f"[127.0.0.1]:{server.port} {Path(f'{other}.pub').read_text()}"

    assert refused(reach, known=known).step == "host key"


def test_a_new_host_is_believed_where_ssh_config_says_so(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "ssh_config").write_text("StrictHostKeyChecking accept-new\n")

    with closing(reach(known="", config_file=str(tmp_path / "ssh_config"))) as ssh:
        assert ssh.run(["true"], timeout=20).status == 0


def test_a_refused_login_says_what_ssh_said(reach: Reach, tmp_path: Path) -> None:
    stranger = keygen(tmp_path / "stranger", "ed25519")
    error = refused(reach, ("user", "nobody-here"), ("identityfile", str(stranger)))

    assert error.step == "authenticate"
    assert "Permission denied" in error.message


@pytest.mark.fault(1, how="a closed port and an unknown name, with the program ssh")
def test_a_closed_port_and_a_name_that_does_not_resolve_are_told(reach: Reach) -> None:
    closed = refused(reach, ("port", "1"))
    unknown = refused(reach, address="nowhere.invalid")

    assert (closed.step, unknown.step) == ("connect", "connect")
    assert "refused" in closed.message
    assert "nowhere.invalid" in unknown.message


def test_a_mistake_in_ssh_config_is_told(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "ssh_config").write_text("Bogus 1\n")

    assert refused(reach, config_file=str(tmp_path / "ssh_config")).step == "ssh_config"


@pytest.mark.fault(3, how="SIGSTOP for the sshd that listens, with the program ssh")
def test_a_silent_host_is_given_up(reach: Reach, server: Sshd) -> None:
    os.kill(server.listener(), 19)
    try:
        started = time.monotonic()
        with pytest.raises(
            Unreachable, match=r"web1: (connect: ssh did not log in|banner: .*timed out)"
        ):
            reach(timeouts=Deadlines(connect=1, handshake=0.2, authenticate=0.2))
        assert time.monotonic() - started < 3
    finally:
        os.kill(server.listener(), 18)


def test_a_password_logs_in_and_is_in_no_argument_and_no_environment(sudo_server: Sshd) -> None:
    none = (("pubkeyauthentication", "no"), ("port", str(sudo_server.port)), ("user", "admin"))
    with logged_in_by_openssh(sudo_server, options=none, password=PASSWORD) as ssh:
        assert ssh.run(["id", "-un"], timeout=20).stdout == b"admin\n"
        seen = subprocess.run(["ps", "axeww"], capture_output=True, check=True).stdout

    assert PASSWORD.encode() not in seen


def test_a_password_answers_a_question_as_well(asking_server: Sshd) -> None:
    asked = (("port", str(asking_server.port)), ("user", "stranger"))

    with logged_in_by_openssh(asking_server, options=asked, password=PASSWORD) as ssh:
        assert ssh.run(["id", "-un"], timeout=20).stdout == b"stranger\n"

    assert "Accepted keyboard-interactive" in asking_server.log()


def test_a_wrong_password_is_tried_once(sudo_server: Sshd) -> None:
    none = (("pubkeyauthentication", "no"), ("port", str(sudo_server.port)), ("user", "admin"))
    before = len(sudo_server.log())

    with (
        pytest.raises(Unreachable, match=r"authenticate: .*Permission denied"),
        logged_in_by_openssh(sudo_server, options=none, password="wrong"),
    ):
        pass

    assert sudo_server.log()[before:].count("Failed password") == 1


def test_an_encrypted_key_is_opened_with_its_passphrase(
    reach: Reach, server: Sshd, tmp_path: Path
) -> None:
    key = keygen(tmp_path / "locked", "ed25519", passphrase="open sesame")
    allowed = server.home / "authorized_keys"
    allowed.write_text(allowed.read_text() + Path(f"{key}.pub").read_text())
    only = (("identitiesonly", "yes"), ("identityfile", str(key)), ("user", "root"))
    said = {"passphrase": "open sesame", "private_key_file": str(key)}

    with closing(reach(*only, **said)) as ssh:
        assert ssh.run(["true"], timeout=20).status == 0


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("admin@web1's password: ", "hunter2"),
        ("(admin@web1.internal) Password: ", "hunter2"),
        ("admin@corp.com@web1's password: ", "hunter2"),
        ("admin@the-alias's password: ", "hunter2"),
        ("admin@jump's password: ", None),
        ("(admin@jump) Password: ", None),
        ("Enter passphrase for key '/home/me/.ssh/id': ", "sesame"),
        ("Enter passphrase for '/home/me/.ssh/id': ", "sesame"),
        ("Enter passphrase for key '/home/me/.ssh/other': ", None),
        ("(admin@web1) Enter passphrase for key '/home/me/.ssh/id': ", None),
        ("Are you sure you want to continue connecting (yes/no)? ", None),
    ],
)
def test_each_question_gets_its_own_answer_and_no_other(question: str, answer: str | None) -> None:
    connection = Connection(
        name="x",
        address="web1",
        password="hunter2",
        passphrase="sesame",
        private_key_file="/home/me/.ssh/id",
    )
    route = Route(name="x", address="web1.internal", user="admin", host_key_alias="the-alias")
    answers = Questions(connection, route)

    assert answers(question) == answer
    assert answers(question) is None


@pytest.mark.parametrize(
    "weakening", ["NoHostAuthenticationForLocalhost yes", "StrictHostKeyChecking no"]
)
def test_no_file_weakens_the_check_of_a_host_key(
    reach: Reach, tmp_path: Path, weakening: str
) -> None:
    (tmp_path / "ssh_config").write_text(f"{weakening}\n")

    error = refused(reach, known="", config_file=str(tmp_path / "ssh_config"))

    assert error.step == "host key"


@pytest.mark.parametrize(
    "option",
    [
        ("nohostauthenticationforlocalhost", "yes"),
        ("stricthostkeychecking", "no"),
        ("verifyhostkeydns", "yes"),
    ],
)
def test_no_variable_weakens_the_check_of_a_host_key(reach: Reach, option: tuple[str, str]) -> None:
    assert refused(reach, option, known="").step == "host key"


def test_the_key_of_a_jump_host_is_checked_as_well(
    reach: Reach, server: Sshd, tmp_path: Path
) -> None:
    (tmp_path / "ssh_config").write_text(
        "Host web1\n HostName 127.0.0.1\n ProxyJump jump\n"
        f"Host jump\n HostName localhost\n Port {server.port}\n IdentityFile {server.key}\n"
        f"Host *\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n"
    )
    file = str(tmp_path / "ssh_config")
    target = f"[127.0.0.1]:{server.port} {server.host_key()}\n"
    jump = f"[localhost]:{server.port} {server.host_key()}\n"

    error = refused(reach, address="web1", known=target, config_file=file)
    with closing(reach(address="web1", known=target + jump, config_file=file)) as ssh:
        assert ssh.run(["true"], timeout=20).status == 0

    assert error.step == "host key"


def test_a_lost_connection_is_an_interruption_and_the_next_command_fails_at_once(
    reach: Reach, server: Sshd
) -> None:
    with closing(reach()) as ssh:
        assert ssh.run(["true"], timeout=20).status == 0
        server.cut()
        wait_for(lambda: None if ssh.is_open else True, "end of the connection")

        with pytest.raises(Interrupted, match="web1: run: the connection was lost"):
            ssh.run(["true"], timeout=10)


def test_a_command_during_which_the_connection_is_lost_is_an_interruption(
    reach: Reach, server: Sshd
) -> None:
    with closing(reach()) as ssh, pytest.raises(Interrupted, match="the connection was lost"):
        ssh.run(["sh", "-c", "kill -9 $PPID; sleep 20"], timeout=20)


def test_a_refused_forwarding_is_an_error_of_its_own(sudo_server: Sshd) -> None:
    with (
        logged_in_by_openssh(sudo_server, "forbidden") as ssh,
        pytest.raises(ForwardingRefused),
    ):
        ssh.dial("127.0.0.1", sudo_server.port, timeout=5)
