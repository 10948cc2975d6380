"""The commands that need no host."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.journey.workbench import deployer, found_ca

INVENTORY = Path(__file__).parents[2] / "inventories" / "three-hosts" / "hosts.yml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    found_ca(directory)
    return directory


def test_the_pkcs12_file_opens_with_the_password_that_was_shown(project: Path) -> None:
    said = deployer(project, "client", "issue", "bob", "--p12", "--passphrase-file", "passphrase")
    (password,) = re.findall(r"shown once: (\S+)", said.stderr)

    opened = subprocess.run(
        ["openssl", "pkcs12", "-in", "bob/bob.p12", "-nodes", "-passin", "stdin"],
        cwd=project,
        input=password,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "CN = bob" in opened
    assert opened.count("BEGIN CERTIFICATE") == 3, "its own, its authority's and the root's"
    assert "BEGIN PRIVATE KEY" in opened


def test_an_identity_verifies_under_the_strictest_rules(project: Path) -> None:
    subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile",
         "alice/alice.ca.pem", "-untrusted", "alice/alice.pem", "alice/alice.pem"],
        cwd=project, check=True, capture_output=True,
    )  # fmt: skip


def test_the_files_of_an_identity_are_its_owners_alone(project: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (project / "alice").iterdir()}

    assert set(modes.values()) == {0o600}, modes


def test_the_authorities_are_listed_with_their_dates(project: Path) -> None:
    shown = deployer(project, "ca", "show").stdout.splitlines()

    names = [line.split()[0] for line in shown]
    assert names == ["AUTHORITY", "root", "servers", "clients", "root"]
    assert re.fullmatch("root G1 SHA-256 [0-9A-F]{64}", shown[-1])


def test_a_second_ca_is_refused(project: Path) -> None:
    said = deployer(project, "ca", "init", "--passphrase-file", "passphrase", status=1).stderr

    assert "there is a CA" in said


def test_the_inventory_is_listed_as_ansible_does(project: Path) -> None:
    listed = json.loads(deployer(project, "inventory", "list", "-i", str(INVENTORY)).stdout)

    assert listed["webservers"]["hosts"] == ["web1.example.com", "web2.example.com"]
    assert listed["_meta"]["hostvars"]["gw.example.com"]["ansible_port"] == 2222


def test_the_examples_render_offline_and_without_the_cas_key(project: Path) -> None:
    rendered = deployer(project, "render", "gateways", "-i", str(INVENTORY), "-o", "out").stdout

    assert "out/gw.example.com/sites/app.example.com.conf" in rendered.splitlines()
    assert "ProxyPass" in (project / "out/gw.example.com/sites/app.example.com.conf").read_text()


def test_a_state_directory_that_others_can_read_is_refused(project: Path, tmp_path: Path) -> None:
    found_ca(tmp_path)
    (tmp_path / ".deployer").chmod(0o755)

    said = deployer(tmp_path, "ca", "show", status=1).stderr

    assert "chmod" in said


def test_a_limit_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("[web]\nweb[1:4]\n")
    (tmp_path / "again").write_text("web1:web2\n\nweb4\n!web2\n")
    (tmp_path / "empty").write_text("\n")
    asked = ("inventory", "list", "-i", "hosts.ini", "--state", "none", "--list-hosts", "--limit")

    assert deployer(tmp_path, *asked, "@again").stdout.split() == ["web1", "web4"]
    assert "it is empty" in deployer(tmp_path, *asked, "@empty", status=5).stderr
    assert "cannot read nowhere" in deployer(tmp_path, *asked, "@nowhere", status=1).stderr
