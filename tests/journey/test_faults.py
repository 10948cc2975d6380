"""What goes wrong on the way, and that the old configuration serves all the same."""

import socket
from pathlib import Path

import pytest
import yaml

from tests.hosts.fleet import Fleet
from tests.hosts.prober import Prober
from tests.journey.workbench import SITE, Workbench

APPLY = ("apply", "--yes", "--passphrase-file", "passphrase")


@pytest.mark.fault(13)
def test_an_unknown_host_key_is_refused_with_the_line_to_type(desk: Workbench) -> None:
    (desk.directory / "empty").touch()

    said = desk.deployer("plan", "--known-hosts", "empty", status=4).stderr

    assert "web1: host key" in said
    assert "deployer hosts trust web1" in said


@pytest.mark.fault(12)
def test_a_changed_host_key_is_refused(desk: Workbench) -> None:
    stranger = "AAAAC3NzaC1lZDI1NTE5AAAAIE3TMYLLIKlHPlMsrC3oHFzNkyEgkNTlXVKZiDbkkoMn"
    port = desk.host.ssh_port
    name = desk.host.address if port == 22 else f"[{desk.host.address}]:{port}"
    (desk.directory / "known").write_text(f"{name} ssh-ed25519 {stranger}\n")

    said = desk.deployer("plan", "--known-hosts", "known", status=4).stderr

    assert "has changed" in said
    assert "ssh-keygen -R" in said


@pytest.mark.fault(1)
def test_a_host_that_is_down_is_unreachable(desk: Workbench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    desk.variables = {"ansible_host": "127.0.0.1", "ansible_port": port}
    desk.write_inventory()

    said = desk.deployer("apply", "--yes", status=4)

    assert "unreachable" in said.stdout
    assert "web1: connect" in said.stderr


@pytest.mark.fault(30)
def test_a_vhost_that_fails_the_syntax_test_is_never_switched(live_desk: Workbench) -> None:
    desk = live_desk
    live = desk.host.exec(["readlink", f"{desk.host.layout.root}/current"]).stdout
    desk.vhosts = [desk.site(), desk.site(server_name="b.example.com", extra="Bogus on")]
    desk.write_inventory()

    with Prober(desk.host.site_url) as visitor:
        said = desk.apply(status=2)

    assert "web1: rehearse: " in said.stderr
    assert "Invalid command 'Bogus'" in said.stderr
    assert "the old configuration keeps serving" in said.stderr
    assert desk.host.exec(["readlink", f"{desk.host.layout.root}/current"]).stdout == live
    assert desk.curl(*desk.alice).stdout == "200"
    assert visitor.failures == ()


def test_a_port_that_the_host_listens_on_already_is_not_listened_on_twice(
    live_desk: Workbench,
) -> None:
    desk = live_desk
    desk.host.write(f"{desk.host.layout.vhost_dir}/zz-listen.conf", "Listen 20999\n")
    desk.vhosts = [desk.site(), desk.site(server_name="b.example.com", listen=20999)]
    desk.write_inventory()

    desk.apply()

    server = desk.host.read(f"{desk.host.layout.root}/current/sites/000-server.conf")
    assert b"Listen 20999" not in server
    assert [one["outcome"] for one in desk.events("host", "apply")] == ["unchanged"]


@pytest.mark.fault(28)
def test_a_configuration_broken_before_us_is_named_as_such(live_desk: Workbench) -> None:
    desk = live_desk
    desk.host.write(f"{desk.host.layout.vhost_dir}/broken.conf", "Bogus on\n")
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()

    with Prober(desk.host.site_url) as visitor:
        said = desk.apply(status=2).stderr

    assert "Bogus" in said
    assert "broken before this run" in said
    assert visitor.failures == ()
    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.fault(33)
def test_a_probe_that_fails_rolls_back_without_a_failed_request(live_desk: Workbench) -> None:
    desk = live_desk
    live = desk.host.exec(["readlink", f"{desk.host.layout.root}/current"]).stdout
    # Somebody else's site takes our name: configuration and rehearsal are fine, the probe is not.
    root = desk.host.layout.root
    thief = (
        f"<VirtualHost *:{desk.port}>\nServerName b.example.com\nSSLEngine on\n"
        f"SSLCertificateFile {root}/current/tls/{slug(desk)}/fullchain.pem\n"
        f"SSLCertificateKeyFile {root}/current/tls/{slug(desk)}/key.pem\n</VirtualHost>\n"
    )
    desk.host.write(f"{desk.host.layout.vhost_dir}/000-another.conf", thief)
    desk.host.exec([*desk.host.layout.reload])
    desk.vhosts = [desk.site(), desk.site(server_name="b.example.com")]
    desk.variables = {"mtls_default_vhost": "leave"}
    desk.write_inventory()

    with Prober(desk.host.site_url) as visitor:
        said = desk.apply(status=2)

    assert "rolled_back" in said.stdout
    assert "b.example.com: 127.0.0.1 serves serial" in said.stderr
    assert visitor.failures == ()
    assert desk.host.exec(["readlink", f"{desk.host.layout.root}/current"]).stdout == live
    assert desk.curl(*desk.alice).stdout == "200"


def test_the_default_of_an_address_is_not_taken_from_somebody_else(desk: Workbench) -> None:
    desk.host.write(
        f"{desk.host.layout.vhost_dir}/100-plain.conf",
        f"<VirtualHost *:{desk.port}>\nServerName old.example.com\n</VirtualHost>\n",
    )

    said = desk.apply(status=2).stderr

    assert "100-plain.conf is the default there today" in said
    assert "mtls_default_vhost: leave" in said


def test_a_site_that_would_serve_nothing_is_never_switched(desk: Workbench) -> None:
    desk.vhosts = [desk.site(document_root="/srv/not here")]
    desk.write_inventory()

    said = desk.apply(status=2).stderr

    assert "web1: rehearse: document_root /srv/not here is not there" in said
    assert "create the directory" in said


@pytest.mark.fault(29)
def test_a_stopped_apache_is_not_started_behind_its_owners_back(desk: Workbench) -> None:
    pid = desk.host.read(desk.host.layout.pid_file).decode().strip()
    desk.host.exec(
        ["sh", "-c", f"kill {pid}; while [ -e {desk.host.layout.pid_file} ]; do sleep 0.05; done"]
    )

    said = desk.apply(status=2).stderr

    assert "Apache is not running" in said
    assert "start it with" in said


@pytest.mark.fault(60, how="a wrong passphrase")
def test_a_wrong_passphrase_touches_no_host(desk: Workbench) -> None:
    (desk.directory / "passphrase").write_text("wrong\n")

    said = desk.apply(status=1).stderr

    assert "passphrase" in said
    missing = desk.host.exec(["ls", desk.host.layout.root], check=False)
    assert missing.status != 0


def test_without_a_passphrase_and_a_terminal_the_ways_to_give_one_are_named(
    desk: Workbench,
) -> None:
    said = desk.deployer("apply", "--yes", status=1).stderr

    assert "--passphrase-file" in said


def slug(desk: Workbench) -> str:
    return SITE if desk.port == 443 else f"{SITE}_{desk.port}"


# --- what only a whole Debian can show


def debian(fleet: Fleet, founded: Path, directory: Path, **options: object) -> Workbench:
    desk = Workbench(directory / "project", fleet.host(**options))  # type: ignore[arg-type]
    desk.take_ca(founded)
    return desk


def test_a_missing_apache_is_a_clear_error(fleet: Fleet, founded: Path, tmp_path: Path) -> None:
    said = debian(fleet, founded, tmp_path, apache="absent").apply(status=2).stderr

    assert "web1: observe: Apache is not installed" in said
    assert "deployer apply --install installs apache2" in said


@pytest.mark.fault(20, how="a tmpfs of 16 KiB for our releases")
def test_a_full_disk_is_noticed_while_staging(fleet: Fleet, founded: Path, tmp_path: Path) -> None:
    desk = debian(fleet, founded, tmp_path, tmpfs={"/etc/apache2/deployer": "size=16k"})

    with Prober(desk.host.site_url) as visitor:
        said = desk.apply(status=2).stderr

    assert "web1: stage: " in said
    assert "KiB free" in said
    assert visitor.failures == ()


@pytest.mark.parametrize("password", [None, "s3cret $pw"])
def test_sudo_makes_root_of_an_ordinary_user(
    fleet: Fleet, founded: Path, tmp_path: Path, password: str | None
) -> None:
    desk = debian(fleet, founded, tmp_path)
    account = desk.host.sudo_user(password=password)  # type: ignore[attr-defined]
    desk.variables = {
        "ansible_user": account.user,
        "ansible_become": True,
        **({"ansible_become_password": password} if password else {}),
    }
    desk.write_inventory()

    desk.apply()

    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.fault(17, how="a user who is not in sudoers")
def test_a_refused_sudo_is_named_and_nothing_happens(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = debian(fleet, founded, tmp_path)
    account = desk.host.plain_user()  # type: ignore[attr-defined]
    desk.variables = {"ansible_user": account.user, "ansible_become": True}
    desk.write_inventory()

    said = desk.apply(status=2).stderr

    assert "sudo" in said
    assert "web1: become" in said


def test_without_become_an_ordinary_user_is_told_what_to_set(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = debian(fleet, founded, tmp_path)
    account = desk.host.plain_user()  # type: ignore[attr-defined]
    desk.variables = {"ansible_user": account.user}
    desk.write_inventory()

    said = desk.apply(status=2).stderr

    assert "ansible_become: true" in said


def test_modules_are_enabled_for_good_only_once_everything_is_proven(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = debian(fleet, founded, tmp_path)
    enabled = "/etc/apache2/mods-enabled/ssl.load"
    desk.host.write("/etc/apache2/sites-enabled/zz.conf", "Listen 443\n")

    desk.apply(status=2)
    assert desk.host.exec(["ls", enabled], check=False).status != 0

    desk.host.exec(["rm", "/etc/apache2/sites-enabled/zz.conf"])
    desk.apply()
    assert desk.host.exec(["ls", enabled]).status == 0


def test_an_sshd_that_forwards_nothing_is_probed_from_outside(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = debian(fleet, founded, tmp_path)
    config = desk.host.exec(
        ["sh", "-c", "tr '\\0' ' ' </proc/$(pgrep -o sshd)/cmdline"]
    ).stdout.decode()
    path = config.split("-f")[1].split()[0] if "-f" in config else "/etc/ssh/sshd_config"
    written = desk.host.read(path).decode()
    desk.host.write(path, f"AllowTcpForwarding no\n{written}")
    desk.host.exec(["sh", "-c", "kill -HUP $(pgrep -o sshd)"])

    desk.apply()

    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.fault(1, how="a closed port, beside a host that is there")
def test_a_dead_host_keeps_no_other_from_its_release(
    fleet: Fleet, founded: Path, tmp_path: Path
) -> None:
    desk = debian(fleet, founded, tmp_path)
    inventory = yaml.safe_load((desk.directory / "hosts.yml").read_text())
    hosts = inventory["webservers"]["hosts"]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    hosts["web0"] = {**hosts["web1"], "ansible_host": "127.0.0.1", "ansible_port": port}
    (desk.directory / "hosts.yml").write_text(yaml.safe_dump(inventory))

    outcomes = {one["host"]: one["outcome"] for one in desk.events("host", *APPLY, status=4)}

    assert outcomes == {"web0": "unreachable", "web1": "changed"}
    assert desk.curl(*desk.alice).stdout == "200"
