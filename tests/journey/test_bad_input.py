"""Mistakes in what the operator writes: found before anything connects, all of them at once."""

from pathlib import Path

import pytest

from tests.journey.workbench import deployer, found_ca

INVENTORY = """\
webservers:
  hosts:
    web1:
      ansible_host: 192.0.2.1
      apache_vhosts:
        - server_name: api.example.com
          document_root: /srv/api
          client_auth:
            verfy: require
        - server_name: "bad name"
          document_root: "/srv/${HOME}"
      mtls_verfy: require
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    found_ca(directory)
    return directory


def complaint(project: Path, inventory: str, *, status: int = 1, command: str = "plan") -> str:
    """Type a command with this inventory; its host does not exist, so connecting would tell."""
    (project / "hosts.yml").write_text(inventory)
    return deployer(project, command, status=status).stderr


def test_every_mistake_is_named_with_file_line_and_the_nearest_name(project: Path) -> None:
    said = complaint(project, INVENTORY)

    assert "hosts.yml:9: " in said
    assert "verfy: unknown key, did you mean verify" in said
    assert "hosts.yml:10: " in said
    assert "'bad name'" in said
    assert "hosts.yml:11: " in said
    assert "hosts.yml:12: " in said
    assert "mtls_verfy" in said


@pytest.mark.parametrize(
    "value",
    [
        '"/srv/a\\n</VirtualHost>"',
        '"/srv/${PATH}"',
        '"/srv/a\\0b"',
        '"/srv/a\\\\"',
        '"{{ undefined_name }}"',
        '"relative/path"',
    ],
)
def test_what_apache_cannot_quote_never_leaves_the_controller(project: Path, value: str) -> None:
    inventory = f"""\
all:
  hosts:
    web1:
      ansible_host: 192.0.2.1
      apache_vhosts:
        - server_name: a.example.com
          document_root: {value}
"""
    assert "hosts.yml:7: " in complaint(project, inventory)


def test_a_depth_that_would_lock_everybody_out_is_refused(project: Path) -> None:
    inventory = """\
all:
  hosts:
    web1:
      apache_vhosts:
        - {server_name: a.example.com, document_root: /srv, client_auth: {depth: 1}}
"""
    said = complaint(project, inventory, command="render")

    assert "depth 1 would refuse every client" in said


def test_broken_yaml_is_an_error_with_a_place(project: Path) -> None:
    assert complaint(project, "all: [\n").startswith("deployer: hosts.yml:2:1: not valid YAML")


def test_a_pattern_that_matches_nothing_is_an_error(project: Path) -> None:
    (project / "hosts.yml").write_text(INVENTORY)

    assert "wbe1" in deployer(project, "plan", "wbe1", status=5).stderr


def test_a_wrong_word_ends_with_five_and_help(project: Path) -> None:
    said = deployer(project, "plna", status=5).stderr

    assert "plan" in said
    assert "deployer --help" in said


def test_without_a_project_the_way_to_one_is_shown(tmp_path: Path) -> None:
    assert "deployer init" in deployer(tmp_path, "plan", status=1).stderr


def test_without_a_ca_the_way_to_one_is_shown(tmp_path: Path) -> None:
    deployer(tmp_path, "init")

    assert "deployer ca init" in deployer(tmp_path, "plan", status=1).stderr


def test_a_new_project_is_complete_and_is_never_overwritten(tmp_path: Path) -> None:
    deployer(tmp_path, "init", "project")
    project = tmp_path / "project"
    deployer(project, "ca", "init", "--passphrase-file", passphrase(tmp_path))

    assert "SSLVerifyClient require" in deployer(project, "render").stdout
    assert "exists" in deployer(tmp_path, "init", "project", status=1).stderr


def test_common_options_may_stand_before_the_command(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yml"
    other.write_text("all: {hosts: {b1: }}\n")

    assert deployer(project, "-i", str(other), "inventory", "list", "--list-hosts").stdout == "b1\n"


def test_an_identity_is_never_overwritten_and_a_refusal_issues_nothing(project: Path) -> None:
    before = (project / "alice" / "alice.key").read_bytes()

    said = deployer(
        project, "client", "issue", "alice", "--passphrase-file", "passphrase", status=1
    ).stderr

    assert "never overwritten" in said
    assert (project / "alice" / "alice.key").read_bytes() == before


def passphrase(directory: Path) -> str:
    path = directory / "passphrase"
    path.write_text("long enough\n")
    return str(path)
