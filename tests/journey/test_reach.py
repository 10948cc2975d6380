"""Hosts that are not simply there: jump hosts, certificates, locked keys, sudo, another ssh."""

import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.fleet import Fleet, FleetHost
from tests.journey.workbench import Workbench, command
from tests.transport.sshd import keygen


@pytest.fixture
def desk(fleet_host: FleetHost, tmp_path: Path, founded: Path) -> Workbench:
    """A project for a host of the fleet, with a CA and alice's certificate."""
    desk = Workbench(tmp_path / "project", fleet_host)
    desk.take_ca(founded)
    return desk


def fleet_host_of(desk: Workbench) -> FleetHost:
    assert isinstance(desk.host, FleetHost)
    return desk.host


def write_ssh_config(desk: Workbench, text: str) -> None:
    """Give the project an ssh_config of its own, beside its `deployer.toml`."""
    (desk.directory / "ssh_config").write_text(text)
    file = desk.directory / "deployer.toml"
    file.write_text(f'{file.read_text()}ssh_config = "ssh_config"\n')


def say(desk: Workbench, **variables: Any) -> None:
    desk.variables.update(variables)
    desk.write_inventory()


def is_deployed(desk: Workbench) -> bool:
    return desk.curl("--cert", "alice/alice.pem", "--key", "alice/alice.key").stdout == "200"


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
def test_an_apply_goes_through_two_jump_hosts(
    desk: Workbench, fleet: Fleet, transport: str
) -> None:
    one, two = fleet.hosts(2, apache="absent")
    target = fleet_host_of(desk)
    only = f"ip saddr != {two.address} tcp dport 22 drop"
    target.exec(["nft", "-f", "-"], stdin=_firewall(only))
    two.exec(["nft", "-f", "-"], stdin=_firewall(f"ip saddr != {one.address} tcp dport 22 drop"))
    write_ssh_config(
        desk,
        f"Host outer\n HostName {one.address}\nHost inner\n HostName {two.address}\n"
        f"Host inner outer\n User root\n IdentityFile {target.private_key_file}\n"
        f"Host *\n UserKnownHostsFile {target.known_hosts}\n",
    )

    desk.deployer("plan", "-T", "0.5", status=4)
    desk.apply("--transport", transport, "--ssh-common-args", "-J outer,inner")

    assert is_deployed(desk)


def _firewall(rule: str) -> bytes:
    return (
        "table inet test {\nchain input {\ntype filter hook input priority 0\n"
        f"ct state established accept\n{rule}\n}}\n}}\n"
    ).encode()


def test_a_host_certificate_is_enough(desk: Workbench, tmp_path: Path) -> None:
    host = fleet_host_of(desk)
    authority = keygen(tmp_path / "ca", "ed25519")
    (tmp_path / "key.pub").write_bytes(
        host.exec(["ssh-keygen", "-y", "-f", "/etc/fleet/host_key"]).stdout
    )
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-h", "-I", "web1", "-n", host.address, "key.pub"],
        cwd=tmp_path,
        check=True,
    )
    host.write("/etc/fleet/host_key-cert.pub", (tmp_path / "key-cert.pub").read_bytes())
    host.exec(
        ["sh", "-c", "echo HostCertificate /etc/fleet/host_key-cert.pub >>/etc/ssh/sshd_config"]
    )
    host.exec(["sh", "-c", "kill -HUP $(cat /run/sshd.pid)"])
    known = desk.directory / "known"
    known.write_text(f"@cert-authority * {Path(f'{authority}.pub').read_text()}")

    desk.deployer("plan", "--known-hosts", str(known))
    known.write_text(f"@cert-authority *.elsewhere {Path(f'{authority}.pub').read_text()}")
    refused = desk.deployer("plan", "--known-hosts", str(known), status=4)

    assert "deployer hosts trust web1" in refused.stderr


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
def test_a_locked_key_is_opened_with_the_passphrase_of_the_inventory(
    desk: Workbench, tmp_path: Path, transport: str
) -> None:
    _lock_the_key(desk, tmp_path)
    say(desk, ansible_ssh_private_key_passphrase="open sesame")

    desk.deployer("plan", "--transport", transport)


def _lock_the_key(desk: Workbench, tmp_path: Path) -> Path:
    key = keygen(tmp_path / "locked", "ed25519", passphrase="open sesame")
    fleet_host_of(desk).write("/etc/fleet/authorized_keys", Path(f"{key}.pub").read_bytes())
    say(desk, ansible_ssh_private_key_file=str(key))
    return key


def test_a_locked_key_is_asked_for_once(desk: Workbench, tmp_path: Path) -> None:
    key = _lock_the_key(desk, tmp_path)
    refused = desk.deployer("plan", status=4)
    assert f"ssh-add {key}" in refused.stderr

    said = at_terminal(desk, ["plan"], {"passphrase of": "open sesame"})

    assert said.count("passphrase of") == 1
    assert "1 to change" in said or "web1" in said


def at_terminal(desk: Workbench, arguments: list[str], answers: dict[str, str]) -> str:
    """Type a command at a terminal, and answer what it asks."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(desk.directory)
        os.environ["NO_COLOR"] = "1"
        words = command(*arguments)
        os.execv(words[0], words)  # noqa: S606 - a program of ours, with a terminal of its own
    said = ""
    answered: set[str] = set()
    try:
        while data := os.read(terminal, 4096):
            said += data.decode(errors="replace")
            for question, answer in answers.items():
                if question in said and question not in answered:
                    answered.add(question)
                    os.write(terminal, f"{answer}\n".encode())
    except OSError:  # how a terminal says that nobody is left
        pass
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, said
    return said


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
def test_sudo_with_a_password_brings_a_release(desk: Workbench, transport: str) -> None:
    admin = fleet_host_of(desk).sudo_user(password="correct horse")
    say(
        desk,
        ansible_user=admin.user,
        ansible_become=True,
        ansible_become_password=admin.password,
    )

    desk.apply("--transport", transport)

    assert is_deployed(desk)


def test_the_lines_for_sudoers_are_all_that_an_account_needs(desk: Workbench) -> None:
    host = fleet_host_of(desk)
    host.plain_user("deploy")
    say(desk, ansible_user="deploy", ansible_become=True)
    refused = desk.deployer("plan", status=2)
    assert "deployer hosts sudoers" in refused.stderr

    lines = desk.deployer("hosts", "sudoers").stdout
    host.write("/etc/sudoers.d/deployer", lines, mode=0o440)
    host.exec(["visudo", "-cf", "/etc/sudoers.d/deployer"])
    desk.apply()

    assert is_deployed(desk)
    assert "deploy ALL=(root) NOPASSWD: /bin/sh, /usr/bin/sh\n" in lines


def test_new_hosts_are_shown_and_recorded_once(desk: Workbench, fleet: Fleet) -> None:
    jump = fleet.host(apache="absent")
    target = fleet_host_of(desk)
    known = desk.directory / "keys" / "known_hosts"
    write_ssh_config(
        desk,
        f"Host jump\n HostName {jump.address}\n User root\n"
        f" IdentityFile {target.private_key_file}\n",
    )
    say(desk, ansible_ssh_common_args="-J jump")
    options = ["--known-hosts", str(known)]
    refused = desk.deployer("plan", *options, status=4)
    assert "deployer hosts trust web1" in refused.stderr

    undecided = desk.deployer("hosts", "trust", *options, status=5)
    assert "give --yes" in undecided.stderr
    assert not known.exists()
    shown = desk.deployer("hosts", "trust", "--yes", *options)
    again = desk.deployer("hosts", "trust", *options)
    desk.deployer("plan", *options)

    assert re.findall(r"SHA256:\S{43}", shown.stdout) == [
        host.exec(["ssh-keygen", "-l", "-f", "/etc/fleet/host_key"]).stdout.decode().split()[1]
        for host in (jump, target)
    ]
    assert shown.stdout.count(" new") == 2
    assert again.stdout.count(" known") == 2
    assert len(known.read_text().splitlines()) == 2
    assert known.stat().st_mode & 0o777 == 0o600


def test_a_host_whose_key_has_changed_is_not_recorded(desk: Workbench, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other", "ed25519")
    known = tmp_path / "known"
    before = f"{desk.host.address} {Path(f'{other}.pub').read_text()}"
    known.write_text(before)

    refused = desk.deployer("hosts", "trust", "--yes", "--known-hosts", str(known), status=4)

    assert "CHANGED" in refused.stdout
    assert f"ssh-keygen -R '{desk.host.address}' -f {known}" in refused.stderr
    assert known.read_text() == before


@pytest.mark.fault(15)
def test_two_names_for_one_machine_are_refused(desk: Workbench) -> None:
    text = (desk.directory / "hosts.yml").read_text()
    here = text.index("    web1:")
    (desk.directory / "hosts.yml").write_text(text + text[here:].replace("web1:", "www:"))

    refused = desk.apply(status=2)

    assert "web1: observe: it is the same machine as www" in refused.stderr
    assert "www: observe: it is the same machine as web1" in refused.stderr
