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
        ("forks =", "Invalid value"),
    ],
)
def test_what_cannot_be_is_said_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "deployer.toml").write_text(f"{text}\n")

    refused = deployer(tmp_path, "inventory", "list", status=1)

    assert "deployer.toml: " in refused.stderr
    assert said in refused.stderr


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
