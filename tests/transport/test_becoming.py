"""Becoming another user."""

import time

import pytest

from deployer.errors import StepFailed
from deployer.spec.connection import Become
from deployer.spec.connection_names import Method
from deployer.transport.becoming import Becoming
from deployer.transport.deadlines import Deadlines
from tests.transport.conftest import PASSWORD, logged_in, unspoken
from tests.transport.sshd import Sshd


@pytest.mark.parametrize(
    ("user", "password"),
    [("deploy", None), ("deploy", PASSWORD), ("admin", PASSWORD)],
    ids=unspoken,
)
def test_commands_run_as_the_user_to_become(
    sudo_server: Sshd, user: str, password: str | None
) -> None:
    with logged_in(sudo_server, user, become=Become(password=password)) as ssh:
        assert ssh.run(["id", "-un"], timeout=20).stdout == b"root\n"


def test_another_user_than_root_can_be_become(sudo_server: Sshd) -> None:
    with logged_in(sudo_server, "deploy", become=Become(user="stranger")) as ssh:
        assert ssh.run(["id", "-un"], timeout=20).stdout == b"stranger\n"


@pytest.mark.parametrize("user", ["deploy", "noisy"])
def test_a_password_that_nobody_asks_for_is_not_given_to_the_command(
    sudo_server: Sshd, user: str
) -> None:
    # What sudo says before it starts the command is no question, and not the command's words.
    with logged_in(sudo_server, user, become=Become(password=PASSWORD)) as ssh:
        done = ssh.run(["cat"], stdin=b"the input", timeout=20)

    assert (done.stdout, done.stderr) == (b"the input", b"")


def test_the_password_is_in_no_argument_and_no_environment(sudo_server: Sshd) -> None:
    script = "tr '\\0' ' ' </proc/$PPID/cmdline; ps axeww; env"
    with logged_in(sudo_server, "admin", become=Become(password=PASSWORD)) as ssh:
        seen = ssh.run(["sh", "-c", script], timeout=20).stdout.decode(errors="replace")

    assert "sudo -H -S" in seen
    assert PASSWORD not in seen


@pytest.mark.fault(17, how="a wrong password")
def test_a_wrong_password_is_tried_once(sudo_server: Sshd) -> None:
    with (
        logged_in(sudo_server, "admin", become=Become(password="battery staple")) as ssh,
        pytest.raises(StepFailed, match="web1: become: sudo did not accept") as refused,
    ):
        ssh.run(["cat"], stdin=b"the input", timeout=20)

    assert "1 incorrect password attempt" in refused.value.message
    assert "battery staple" not in refused.value.message
    assert "-K" in refused.value.hint


@pytest.mark.parametrize(("method", "user"), [("doas", "doer"), ("su", "stranger")])
def test_a_wrong_password_on_a_terminal_is_tried_once(
    sudo_server: Sshd, method: Method, user: str
) -> None:
    with (
        logged_in(sudo_server, user, become=Become(method=method, password="battery")) as ssh,
        pytest.raises(StepFailed, match=f"web1: become: {method} did not accept") as refused,
    ):
        ssh.run(["cat"], stdin=b"the input", timeout=20)

    assert "battery" not in refused.value.message


@pytest.mark.parametrize(("method", "user"), [("doas", "doer"), ("doas", "admin")])
def test_without_a_password_nobody_is_kept_waiting(
    sudo_server: Sshd, method: Method, user: str
) -> None:
    with (
        logged_in(sudo_server, user, become=Become(method=method)) as ssh,
        pytest.raises(StepFailed, match=f"web1: become: {method} did not let us run .* without"),
    ):
        ssh.run(["true"], timeout=20)


def test_another_user_can_be_become_on_a_terminal(sudo_server: Sshd) -> None:
    rights = Become(method="doas", user="stranger", password=PASSWORD)
    with logged_in(sudo_server, "doer", become=rights) as ssh:
        assert ssh.run(["id", "-un"], timeout=20).stdout == b"stranger\n"


def test_what_goes_through_a_terminal_is_not_changed(sudo_server: Sshd) -> None:
    become = Become(method="su", password=PASSWORD)
    every_byte = bytes(range(256)) * 64
    script = "cat; printf 'e\\r\\nr' >&2; exit 3"
    with logged_in(sudo_server, "stranger", become=become) as ssh:
        done = ssh.run(["sh", "-c", script], stdin=every_byte, timeout=20)

    assert (done.status, done.stdout, done.stderr) == (3, every_byte, b"e\r\nr")


def test_a_refusal_leaves_the_connection_usable(sudo_server: Sshd) -> None:
    with logged_in(sudo_server, "stranger", become=Become()) as ssh:
        for _ in range(2):
            with pytest.raises(StepFailed):
                ssh.run(["true"], timeout=20)


@pytest.mark.fault(17, how="a user who is not in sudoers, a password that is missing")
@pytest.mark.parametrize(
    ("user", "password", "said", "hint"),
    [
        ("admin", None, "without a password: sudo: a password is required", "-K"),
        ("stranger", PASSWORD, "as root: .*stranger is not in the sudoers file", "sudo -l"),
        ("stranger", None, "without a password: sudo: a password is required", "hosts sudoers"),
    ],
    ids=unspoken,
)
def test_a_refusal_carries_the_last_words_of_sudo(
    sudo_server: Sshd, user: str, password: str | None, said: str, hint: str
) -> None:
    with (
        logged_in(sudo_server, user, become=Become(password=password)) as ssh,
        pytest.raises(StepFailed, match=rf"web1: become: .*{said}") as refused,
    ):
        ssh.run(["cat"], stdin=b"the input", timeout=20)

    assert hint in refused.value.hint
    assert "[" not in refused.value.message  # our markers are our own business


@pytest.mark.fault(17, 18, how="a sudo that sleeps; an account whose password has expired")
@pytest.mark.parametrize(
    ("user", "said"), [("slow", "asking the directory"), ("expired", "expired")]
)
def test_a_sudo_that_does_not_come_to_the_point_is_given_up(
    sudo_server: Sshd, user: str, said: str
) -> None:
    become, soon = Become(password=PASSWORD), Deadlines(become=1)
    with logged_in(sudo_server, user, become=become, timeouts=soon) as ssh:
        started = time.monotonic()

        with pytest.raises(StepFailed, match=rf"sudo did not start .* 1 s; it said: .*{said}"):
            ssh.run(["true"], timeout=20)

        assert time.monotonic() - started < 2


def test_a_sudo_that_asks_in_pieces_is_understood() -> None:
    sudo = Becoming(Become(password=PASSWORD), ["true"])
    prompt = sudo.argv[sudo.argv.index("-p") + 1].encode()
    marker = sudo.argv[-2].encode()

    assert sudo.hear(b"a lecture\n" + prompt[:5]) == b""
    assert sudo.answer() == b""
    assert sudo.hear(prompt[5:]) == b""
    assert sudo.answer() == PASSWORD.encode() + b"\n"
    assert sudo.answer() == b""
    assert sudo.hear(marker[:9]) == b""
    assert sudo.hear(marker[9:] + b"words of the command") == b"words of the command"
    assert sudo.takes_input
    assert sudo.hear(prompt) == prompt  # later it is the command's
    assert sudo.answer() == b""


def test_input_waits_for_a_sudo_that_reads_it() -> None:
    assert Becoming(Become(), ["true"]).takes_input
    assert not Becoming(Become(password=PASSWORD), ["true"]).takes_input


def test_secrets_are_not_shown() -> None:
    assert PASSWORD not in " ".join(Becoming(Become(password=PASSWORD), ["true"]).argv)
