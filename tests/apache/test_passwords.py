"""Password files: what Apache would take, and what should be in one."""

import subprocess
from pathlib import Path

import pytest

from deployer.apache.passwords import BadPasswordFile, read_passwords, write_passwords
from deployer.workflows.passwords import BadPassword, hashed

BCRYPT = "$2y$05$MhBXp5Sg5Qr8bLHNEBzKZeuE4sgmfR6n/DZZ9YAU/M76TDfIAZYAG"
MD5 = "$apr1$GW4ZAelX$ldFQGohUnwYJ/hOFoefuL."


def complaint(text: str) -> str:
    with pytest.raises(BadPasswordFile) as caught:
        read_passwords("users", text.encode())
    assert "htpasswd -B users" in caught.value.hint
    return caught.value.message


def test_a_file_is_written_with_its_users_in_order() -> None:
    written = write_passwords({"bob": MD5, "alice": BCRYPT.replace("2y", "2b")})

    assert written.decode() == f"alice:{BCRYPT}\nbob:{MD5}\n"


def test_comments_empty_lines_and_line_ends_of_windows_are_left_out() -> None:
    text = f"# who may\r\n\r\n  bob:{MD5}  \r\nalice:{BCRYPT}"

    assert read_passwords("users", text.encode()) == {"bob": MD5, "alice": BCRYPT}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("alice:s3cret", "line 1 gives alice no bcrypt hash"),
        ("alice:", "line 1 gives alice no hash"),
        ("alice", "line 1 has no colon"),
        (f":{BCRYPT}", "line 1 does not begin with a user's name"),
        (f"a\x07b:{BCRYPT}", "line 1 does not begin with a user's name"),
        (f"alice:{BCRYPT}:more", "line 1 has a second colon after alice"),
        ("alice:realm:9a0b", "line 1 has a second colon after alice"),
        (f"alice:{BCRYPT}\nalice:{MD5}", "line 2 has alice once more, and Apache takes the first"),
        ("alice:{SHA}1OnvMwqPT7Wi5WwJ/pQd2agprSs=", "not taken: SHA-1 without a salt"),
        ("alice:$1$abcdefgh$sEa2mTsHHHk3x1KfTERzI1", "not taken: MD5"),
        ("alice:$6$abcdefgh$ES82", "not taken: SHA-512, which Apache knows on some systems"),
        (f"alice:{BCRYPT.replace('2y', '2x')}", "not taken: bcrypt as old PHP had it"),
        ("alice:abJnggxhB/yWI", "gives alice no bcrypt hash"),
        (f"alice:{BCRYPT[:-1]}", "gives alice no bcrypt hash"),
        ("# nobody", "there is nobody in it"),
    ],
)
def test_what_lets_nobody_in_or_anybody_is_refused(line: str, expected: str) -> None:
    said = complaint(line)

    assert expected in said
    assert "s3cret" not in said


def test_of_many_mistakes_some_are_shown() -> None:
    assert "(and 2 more)" in complaint("a\nb\nc\nd\ne")


def test_htpasswd_takes_what_is_written(tmp_path: Path) -> None:
    """Apache's own program, which checks as the server does."""
    file, password = tmp_path / "users", "s3cret: ü§"
    file.write_bytes(write_passwords({"alice": "$2b$" + hashed(password, cost=10)[4:]}))
    subprocess.run(["htpasswd", "-bm", file, "bob", password], check=True, capture_output=True)
    users = read_passwords("users", file.read_bytes())
    file.write_bytes(write_passwords(users))

    for user in ("alice", "bob"):
        right = subprocess.run(["htpasswd", "-vb", file, user, password], check=False)
        wrong = subprocess.run(["htpasswd", "-vb", file, user, "s3cret"], check=False)
        assert (right.returncode, wrong.returncode) == (0, 3)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("1234567", "at least 8 characters"),
        ("x" * 73, "takes notice of 72 bytes"),
        ("ü" * 37, "this one has 74"),
        ("12345678\0", "nobody can type"),
        ("12345678\udce9", "nobody can type"),
    ],
)
def test_a_password_that_would_be_cut_or_guessed_is_not_hashed(password: str, why: str) -> None:
    with pytest.raises(BadPassword, match=why):
        hashed(password, cost=10)
