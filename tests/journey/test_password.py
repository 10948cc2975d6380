"""`deployer password`: a line to paste, and never the password itself."""

import os
import pty
import re
import subprocess
from pathlib import Path

import bcrypt
import pytest
import yaml

from tests.journey.workbench import command, deployer

SECRET = "s3cret: ü and more"


def users(line: str) -> dict[str, str]:
    found = yaml.safe_load(line)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("user", ["alice", "123", "yes", "@x", "1e5", "a.b@example.com"])
def test_the_line_is_yaml_whatever_the_user_is_called(tmp_path: Path, user: str) -> None:
    said = deployer(tmp_path, "password", user, stdin=f"{SECRET}\n")

    ((name, hashed),) = users(said.stdout).items()
    assert name == user
    assert re.fullmatch(r"\$2y\$10\$.{53}", hashed)
    assert bcrypt.checkpw(SECRET.encode(), hashed.replace("2y", "2b", 1).encode())
    assert SECRET not in said.stdout + said.stderr


@pytest.mark.parametrize(
    ("user", "typed", "why"),
    [
        ("alice", "", "at least 8 characters"),
        ("alice", "x" * 73, "takes notice of 72 bytes"),
        ("a:b", SECRET, "'a:b' is not a user name"),
    ],
)
def test_what_would_not_work_is_refused(tmp_path: Path, user: str, typed: str, why: str) -> None:
    said = deployer(tmp_path, "password", user, stdin=f"{typed}\n", status=1)

    assert why in said.stderr
    assert said.stdout == ""


@pytest.mark.parametrize(("again", "status"), [(SECRET, 0), ("another one", 1)])
def test_at_a_terminal_it_is_asked_for_twice_and_not_shown(
    tmp_path: Path, again: str, status: int
) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command("password", "alice"),
        cwd=tmp_path, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
    ) as asking:  # fmt: skip
        os.close(theirs)
        shown = b""
        for prompt, answer in ((b"password: ", SECRET), (b"once more: ", again)):
            while not shown.endswith(prompt):
                shown += os.read(ours, 1024)
            os.write(ours, f"{answer}\n".encode())
        printed = asking.communicate(timeout=30)[0].decode()
        assert asking.returncode == status
    os.close(ours)
    assert SECRET.encode() not in shown
    assert bool(printed) is (status == 0)
