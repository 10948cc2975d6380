"""`deployer.toml`: what it may say, and what happens when it says something else."""

from pathlib import Path

import pytest

from tests.journey.workbench import deployer


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fork = 1", "unknown key fork"),
        ("forks = 0", "forks must be a whole number from 1"),
        ("forks = true", "forks must be a whole number from 1"),
        ("forks = '3'", "forks must be a whole number from 1"),
        ("inventory = 'hosts.yml'", "inventory must be a list of texts"),
        ("inventory = [1]", "inventory must be a list of texts"),
        ("state = 1", "state must be a text"),
        ("transport = 'telnet'", "transport must be ssh or openssh"),
        ("inventory_compat = 'pyinfra'", "inventory_compat must be strict or ansible"),
        ("keep_runs = 0", "keep_runs must be a whole number from 1"),
        ("hooks = 'date'", "hooks must be a table: [hooks]"),
        ("[hooks]\nbefore_runs = 'date'", "unknown key hooks.before_runs"),
        (
            "[hooks]\nbefore_run = 1",
            "hooks.before_run must be a text for sh -c, or a list of words",
        ),
        ("[hooks]\nbefore_run = ['date', 1]", "hooks.before_run must be a text for sh -c"),
        ("[hooks]\nbefore_run = []", "hooks.before_run names no command"),
        ('[hooks]\nbefore_run = "a\\u0000b"', "hooks.before_run names no command"),
        ("[hooks]\ntimeout = 0", "hooks.timeout must be a whole number from 1"),
        ("[notify]\nwebhook = 'http://example.com/'", "http:// is for this computer alone"),
        ("[notify]\nwebhook = 'http://127.0.0.1.example.com/'", "must begin with https://"),
        ("[notify]\nwebhook = 'file:///etc/passwd'", "must be an URL that begins with https://"),
        ("[notify]\nwebhook = 'https://'", "must be an URL that begins with https://"),
        ("[notify]\nwebhook = 'https://[/'", "notify.webhook is not an URL"),
        ("[notify]\nwebhook = 'https://example.com:https/'", "notify.webhook is not an URL"),
        ("[notify]\nwebhook = 'https://example.com/a b'", "must be an URL that begins with"),
        ("[notify]\nwebhook = 'https://me:s3cret@example.com/'", "must hold no password"),
        ("forks =", "Invalid value"),
    ],
)
def test_what_cannot_be_is_said_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "deployer.toml").write_text(f"{text}\n")

    refused = deployer(tmp_path, "inventory", "list", status=1)

    assert "deployer.toml: " in refused.stderr
    assert said in refused.stderr
    assert "s3cret" not in refused.stderr


def test_what_ansible_loses_is_lost_with_a_warning_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("web1 u=a#b\n")
    settings = tmp_path / "deployer.toml"
    settings.write_text('inventory = ["hosts.ini", "more.ini"]\n')
    refused = deployer(tmp_path, "inventory", "host", "web1", status=1)
    settings.write_text(f'{settings.read_text()}inventory_compat = "ansible"\n')

    listed = deployer(tmp_path, "inventory", "host", "web1")
    limited = deployer(tmp_path, "inventory", "list", "all:!typo", "--list-hosts")
    nobody = deployer(tmp_path, "inventory", "list", "typo", "--list-hosts", status=5)

    assert "more.ini:1: cannot be read" in refused.stderr
    assert '"u": "a"' in listed.stdout
    assert "warning: hosts.ini:1:9: a # within a word" in listed.stderr
    assert "warning: more.ini:1: cannot be read" in listed.stderr
    assert limited.stdout == "web1\n"
    assert "warning: no host or group matches 'typo'" in limited.stderr
    assert "no host matches 'typo'" in nobody.stderr
