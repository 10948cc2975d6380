import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.apache.quoting import (
    FILTERS,
    UnsafeArgument,
    argument,
    comment,
    expression_text,
    path,
    quoted,
)

NASTY = st.text() | st.text(alphabet="a $\\{}%\"'#<>\n\r\0;/", max_size=12)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("/srv/www", "/srv/www"),
        ("*.example.com", "*.example.com"),
        (443, "443"),
        ("/srv/my site", '"/srv/my site"'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("end\\", r'"end\\"'),
        ("#x", '"#x"'),
        ("it's", '"it\'s"'),
        ("$1", '"$1"'),
        ("a>b", '"a>b"'),
    ],
)
def test_an_argument_is_quoted_where_it_needs_it(value: object, written: str) -> None:
    assert argument(value) == written


def test_an_argument_can_be_quoted_always() -> None:
    assert quoted("/") == '"/"'


@pytest.mark.parametrize("write", FILTERS.values())
@pytest.mark.parametrize(
    "value",
    ["a\nListen 1", "a\rb", "a\0b", "${PATH}/${PATH}", "\\${PATH}", "$${X}", "a\u2028b", "\x1b[2J",
     "", "/${PATH}", "/a\nListen 1", "/${APACHE_LOG_DIR}/x"],
)  # fmt: skip
def test_what_no_quoting_can_hold_is_refused(write: object, value: str) -> None:
    assert callable(write)
    with pytest.raises(UnsafeArgument):
        write(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("/var/log/a.log", "/var/log/a.log"),
        ("/var/log/my site/a.log", '"/var/log/my site/a.log"'),
        ("${APACHE_LOG_DIR}/a.log", "${APACHE_LOG_DIR}/a.log"),
        ("${APACHE_LOG_DIR}/a b.log", '"${APACHE_LOG_DIR}/a b.log"'),
        ("${APACHE_LOG_DIR}", "${APACHE_LOG_DIR}"),
    ],
)
def test_a_path_may_begin_with_a_variable_of_apache(value: str, written: str) -> None:
    assert path(value) == written


@pytest.mark.parametrize("value", ["log", "${lower}/a", "${A}${B}", "${A}b", "/a/${A}", "/../a"])
def test_a_path_is_absolute_and_has_one_variable_at_most(value: str) -> None:
    with pytest.raises(UnsafeArgument):
        path(value)


def test_a_text_in_an_expression_protects_its_quotes_and_backslashes_once() -> None:
    assert expression_text('O\'Neil "CA" \\') == r"""'O\'Neil "CA" \\'"""


@pytest.mark.parametrize("value", ["%{HTTP_HOST}", "a$1"])
def test_a_text_in_an_expression_is_never_interpolated(value: str) -> None:
    with pytest.raises(UnsafeArgument):
        expression_text(value)


def test_a_comment_cannot_swallow_the_next_line() -> None:
    assert comment("web1 # \\ ok") == "web1 # \\ ok"
    with pytest.raises(UnsafeArgument):
        comment("web1\\")


@given(NASTY)
def test_no_filter_lets_a_line_end_or_an_expansion_through(value: str) -> None:
    for write in (argument, quoted, expression_text, comment):
        written = "refused"
        try:
            written = write(value)
        except UnsafeArgument:
            continue
        assert not set(written) & set("\n\r\0")
        assert "${" not in written
        assert not written.endswith("\\")


@given(NASTY)
def test_a_quoted_argument_ends_at_its_last_quote_and_says_the_value(value: str) -> None:
    written = '""'
    try:
        written = quoted(value)
    except UnsafeArgument:
        value = ""
    said, rest = read_word(written)

    assert (said, rest) == (value, "")


def read_word(line: str) -> tuple[str, str]:
    """Read a quoted word as Apache does: a backslash protects a quote and a backslash."""
    assert line.startswith('"')
    said, at = "", 1
    while line[at] != '"':
        if line[at] == "\\" and line[at + 1] in '"\\':
            at += 1
        said += line[at]
        at += 1
    return said, line[at + 1 :]


AWKWARD = [
    *("plain", "two words", " leading", "trailing ", "100%", "semi;colon", "it's", "größe", "a=b"),
    *(
        'a "quote"',
        "end\\",
        "back\\slash",
        "\\\\",
        '\\"',
        "#hash",
        "$1",
        "a>b",
        "%{X}",
        "{}",
        "!",
        "-x",
    ),
]


@pytest.mark.skipif(shutil.which("apache2") is None, reason="Apache is not installed")
def test_apache_reads_what_was_meant(tmp_path: Path) -> None:
    lines = [
        f"DefaultRuntimeDir {tmp_path}",
        f"ErrorLog {tmp_path}/error.log",
        "LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so",
        "LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so",
        "ServerName localhost",
        "Listen 127.0.0.1:1",
    ]
    for name in AWKWARD:
        (tmp_path / name).mkdir()
        root = argument(f"{tmp_path}/{name}")
        lines += ["<VirtualHost *:1>", f"DocumentRoot {root}", "</VirtualHost>"]
    lines += ["<VirtualHost *:1>", 'DocumentRoot "/not there"', "</VirtualHost>"]
    (tmp_path / "httpd.conf").write_text("\n".join([*lines, ""]))

    checked = subprocess.run(
        ["apache2", "-t", "-d", tmp_path, "-f", tmp_path / "httpd.conf"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LC_ALL": "C"},
    )

    said = checked.stdout + checked.stderr
    assert checked.returncode == 0, said
    missing = [line for line in said.splitlines() if "does not exist" in line]
    assert [line.partition("DocumentRoot ")[2] for line in missing] == [
        "[/not there] does not exist"
    ]
